"""Compare rankers on the same cases over the full catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.evaluation.choices import Choices
from gnn_search.evaluation.estimates import Shoppers, estimate
from gnn_search.evaluation.holm import holm
from gnn_search.evaluation.judge import Judge, Judged, Progress
from gnn_search.evaluation.metrics.measure import OF_SLICES, Measure, measures
from gnn_search.evaluation.metrics.score import Listed, Selection, Truth
from gnn_search.evaluation.result import Coverage, Difference, Evaluation, Score
from gnn_search.evaluation.slices import Slice, built_in_slices
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import CaseRanker

LEAST_FLIPS = 10_000
"""Tosses of all coins of a randomisation test, so that its p-value has an error of about .002 at .05."""
_FLIPS_A_TEST = 100
"""More tosses for larger families: Holm multiplies p-values by the size of the family, and the smallest must stay below .05."""


class Recorder(Protocol):
    """Keeps what was found case by case."""

    def cases(self, cases: Cases, truth: Truth, slices: Sequence[Slice]) -> None:
        """Told of the cases before the first method."""
        ...

    def method(self, name: str, judged: Judged, wanted: Sequence[Measure], everything: Selection) -> None:
        """Told of each method when its lists are done."""
        ...


def evaluate(
    cases: Cases,
    rankers: Sequence[CaseRanker],
    graph: Graph,
    k: Sequence[int] = (10, 100),
    draws: int = 1000,
    seed: int = 0,
    *,
    reference: str | None = None,
    slices: Sequence[Slice] | None = None,
    choices: Choices | None = None,
    recorder: Recorder | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score every ranker in every slice, with bootstrap intervals over shoppers, and test how they differ.

    Args:
        cases: What was asked and chosen.
        rankers: The methods, each as of the start of the cases' period.
        graph: The shop.
        k: Cut-offs of the lists.
        draws: Bootstrap draws.
        seed: Seed of the draws and tests; the same seed gives the same scores, intervals and p-values.
        reference: Name of the method whose paired difference to every other is wanted. In the first slice each measure is tested, in the
            others recall at the first cut-off.
        slices: Selections to report; None takes the built-in ones. The first gets every measure, the others those of `OF_SLICES`.
        choices: How the products were chosen, for measures by action and of spend.
        recorder: Keeps what was found case by case.
        progress: Called as the work goes on.

    Raises:
        RequestError: There is no case or ranker, two rankers share a name, none is called `reference`, a cut-off or `draws` is
            below 1, or a ranker returns something that is no ranking.
    """
    _check(cases, rankers, k, draws, reference)
    choices = choices or Choices()
    truth = Truth(cases.case_of_row(), len(cases), choices.actions, choices.grade, choices.spend)
    wanted = measures(k, list(choices.actions), graded=choices.grade is not None, spend=choices.spend is not None)
    parts = list(built_in_slices(cases, graph) if slices is None else slices)
    names = [ranker.name for ranker in rankers]
    if recorder is not None:
        recorder.cases(cases, truth, parts)
    judge = Judge(cases, graph, max(k), min(k), progress)
    everything = Selection(truth, np.ones(len(cases.product), dtype=np.bool_), wanted)
    methods: list[tuple[str, Listed]] = []
    costs, coverage = [], []
    for ranker in rankers:
        judged = judge.judge(ranker)
        if recorder is not None:
            recorder.method(ranker.name, judged, wanted, everything)
        methods.append((ranker.name, judged.listed))
        costs.append(judged.cost)
        share = judged.covered / graph.num_nodes["product"]
        coverage.append(Coverage(method=ranker.name, k=min(k), products=judged.covered, share=share))
    shoppers = Shoppers(cases.user, draws, seed)
    scores, differences = _estimate(truth, parts, methods, wanted, shoppers, reference)
    return Evaluation(
        graph=graph.manifest.name,
        graph_hash=graph.manifest.hash,
        time=cases.time,
        cases=len(cases),
        users=shoppers.count,
        candidates=graph.num_nodes["product"],
        k=tuple(k),
        draws=draws,
        seed=seed,
        methods=tuple(names),
        slices=tuple(part.name for part in parts),
        reference=reference,
        scores=scores,
        differences=differences,
        coverage=tuple(coverage),
        costs=tuple(costs),
    )


def flips_of(family: int) -> int:
    """Return how often the coins of tests are tossed, by the size of their family."""
    return max(LEAST_FLIPS, _FLIPS_A_TEST * family)


def adjust(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Adjust p-values by Holm's correction; all tests of one metric at one cut-off are a family."""
    families: dict[tuple[str, int], list[int]] = {}
    for place, difference in enumerate(differences):
        if difference.p_value is not None:
            families.setdefault((difference.metric, difference.k), []).append(place)
    adjusted = list(differences)
    for family in families.values():
        for place, p_value in zip(family, holm(np.array([differences[place].p_value for place in family])), strict=True):
            adjusted[place] = differences[place].model_copy(update={"p_adjusted": float(p_value)})
    return tuple(adjusted)


def _estimate(
    truth: Truth,
    slices: Sequence[Slice],
    methods: Sequence[tuple[str, Listed]],
    wanted: Sequence[Measure],
    shoppers: Shoppers,
    reference: str | None,
) -> tuple[tuple[Score, ...], tuple[Difference, ...]]:
    """Estimate slice by slice, so that memory holds the values of one."""
    names = [name for name, _ in methods]
    base = None if reference is None else names.index(reference)
    pairs = [] if base is None else [(base, other) for other in range(len(names)) if other != base]
    headline = Measure("recall", min(measure.k for measure in wanted))
    most = flips_of(len(pairs) * len(slices))
    scores: list[Score] = []
    differences: list[Difference] = []
    for place, part in enumerate(slices):

        def flips(measure: Measure, first: bool = place == 0) -> int:
            return most if measure == headline else LEAST_FLIPS if first else 0

        measured = wanted if place == 0 else [measure for measure in wanted if measure.metric in OF_SLICES]
        found = estimate(part.name, Selection(truth, part.rows, measured), methods, pairs, measured, shoppers, flips)
        scores += found[0]
        differences += found[1]
    # Method by method, as tables show them; a sort keeps the order of the slices.
    scores.sort(key=lambda score: names.index(score.method))
    differences.sort(key=lambda difference: names.index(difference.method))
    return tuple(scores), adjust(differences)


def _check(cases: Cases, rankers: Sequence[CaseRanker], k: Sequence[int], draws: int, reference: str | None) -> None:
    names = [ranker.name for ranker in rankers]
    if len(cases) == 0 or not names:
        raise RequestError(f"expected at least one case and one ranker to evaluate, got {len(cases)} and {len(names)}")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise RequestError(f"expected rankers with distinct names, got '{repeated[0]}' {names.count(repeated[0])} times; rename one")
    if reference is not None and reference not in names:
        raise RequestError(f"no ranker is called '{reference}' to compare with; there are {', '.join(names)}")
    if not k or min(k) < 1 or draws < 1:
        raise RequestError(f"expected cut-offs and bootstrap draws of at least 1, got k = {tuple(k)} and {draws} draws")
