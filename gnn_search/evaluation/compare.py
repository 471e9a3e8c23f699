"""Compare methods of runs over the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from string import ascii_lowercase
from typing import Any

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.evaluation.comparison import Comparison, Entry, Wins
from gnn_search.evaluation.estimates import Shoppers, estimate
from gnn_search.evaluation.evaluate import LEAST_FLIPS, adjust, flips_of
from gnn_search.evaluation.metrics.hits import Float64, share
from gnn_search.evaluation.metrics.measure import Measure, measures
from gnn_search.evaluation.metrics.score import Listed, Selection
from gnn_search.evaluation.movers import find_moved
from gnn_search.evaluation.result import Difference, Score
from gnn_search.evaluation.run_folder import RunFolder

_EQUAL = 1e-12
"""Values of a case that differ by less are a tie."""


def compare(
    runs: Sequence[RunFolder],
    methods: Sequence[str] = (),
    metric: str = "recall",
    k: int | None = None,
    top: int = 3,
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare methods of runs pair by pair.

    Over all cases every measure gets a randomisation test, corrected over all pairs; slices are compared by `metric`, with intervals.

    Args:
        runs: Runs of the same cases.
        methods: Names of methods, taken of every run that has them. Without any, each run's reference; of a single run all methods.
        metric: By which cases are counted and moved, and slices compared.
        k: Its cut-off, by default the smallest of the runs.
        top: Cases to show that moved most, in each direction.
        draws: Bootstrap draws over shoppers.
        seed: Of draws and tests.

    Raises:
        RequestError: The runs are not of the same cases, a method or measure is in none, or fewer than two methods are left.
        ArtefactError: A run is damaged.
    """
    _check_alike(runs)
    chosen = _entries(runs, methods)
    first = runs[0]
    truth = first.truth()
    wanted = measures(first.evaluation.k, list(truth.actions), graded=truth.grade is not None, spend=truth.spend is not None)
    shown = Measure(metric, min(first.evaluation.k) if k is None else k)
    if shown not in wanted:
        raise RequestError(f"the runs hold no measure '{shown}'; there are {', '.join(map(str, wanted))}")
    entries = [Entry(mark=mark, run=str(run.path), method=name) for mark, (run, name) in zip(ascii_lowercase, chosen, strict=False)]
    listed = [(entry.mark, run.listed(name, truth.case_of_row)) for entry, (run, name) in zip(entries, chosen, strict=True)]
    everything = Selection(truth, np.ones(len(truth.case_of_row), dtype=np.bool_), wanted)
    values = _values(everything, listed, wanted.index(shown))
    order = _values(everything, listed, wanted.index(Measure("ndcg", max(first.evaluation.k))))
    pairs = [(later, earlier) for earlier, later in combinations(range(len(entries)), 2)]
    shoppers = Shoppers(first.cases["user_node"].fill_null(-1).to_numpy(), draws, seed)
    scores, differences = _estimate(first, everything, listed, pairs, wanted, shown, shoppers)
    against_first = [pair for pair in pairs if pair[1] == 0]
    moved = [find_moved(chosen, entries, pair, values, order, top) for pair in against_first]
    return Comparison(
        graph=first.evaluation.graph,
        graph_hash=first.evaluation.graph_hash,
        time=first.evaluation.time,
        cases=first.evaluation.cases,
        users=shoppers.count,
        draws=draws,
        seed=seed,
        metric=shown.metric,
        k=shown.k,
        entries=tuple(entries),
        slices=first.evaluation.slices,
        scores=tuple(scores),
        differences=adjust(differences),
        wins=tuple(_count(entries, pair, values, shown) for pair in pairs),
        gained=tuple(case for gained, _ in moved for case in gained),
        lost=tuple(case for _, lost in moved for case in lost),
    )


def _estimate(
    run: RunFolder,
    everything: Selection,
    listed: Sequence[tuple[str, Listed]],
    pairs: Sequence[tuple[int, int]],
    wanted: Sequence[Measure],
    shown: Measure,
    shoppers: Shoppers,
) -> tuple[list[Score], list[Difference]]:
    """Estimate every measure over all cases, and the one shown in each further slice."""
    truth, slices = run.truth(), run.slices()
    tosses = max(LEAST_FLIPS, flips_of(len(pairs)))
    scores, differences = estimate(slices[0].name, everything, listed, pairs, wanted, shoppers, lambda _: tosses)
    for part in slices[1:]:
        found = estimate(part.name, Selection(truth, part.rows, [shown]), listed, pairs, [shown], shoppers, lambda _: 0)
        scores += found[0]
        differences += found[1]
    return scores, differences


def _values(everything: Selection, listed: Sequence[tuple[str, Listed]], place: int) -> Float64:
    """Return one measure of each case by each method, float64[methods, cases], NaN where it is not defined."""
    rows = []
    for _, of_method in listed:
        scored = everything.score(of_method)
        weight = scored.weights[scored.kind[place]]
        rows.append(np.where(weight > 0, share(scored.values[place], weight), np.nan))
    return np.stack(rows)


def _count(entries: Sequence[Entry], pair: tuple[int, int], values: Float64, shown: Measure) -> Wins:
    later, earlier = pair
    difference = values[later] - values[earlier]
    difference = difference[~np.isnan(difference)]
    wins, losses = int(np.sum(difference > _EQUAL)), int(np.sum(difference < -_EQUAL))
    return Wins(
        later=entries[later].mark,
        earlier=entries[earlier].mark,
        metric=shown.metric,
        k=shown.k,
        wins=wins,
        ties=len(difference) - wins - losses,
        losses=losses,
    )


def _entries(runs: Sequence[RunFolder], methods: Sequence[str]) -> list[tuple[RunFolder, str]]:
    """Return what is compared: run and method."""
    for name in methods:
        if not any(name in run.evaluation.methods for run in runs):
            held = dict.fromkeys(method for run in runs for method in run.evaluation.methods)
            raise RequestError(f"no run holds a method '{name}'; there are {', '.join(held)}")
    found = []
    for run in runs:
        evaluation = run.evaluation
        own = evaluation.methods if len(runs) == 1 or evaluation.reference is None else (evaluation.reference,)
        found += [(run, name) for name in (methods or own) if name in evaluation.methods]
    if not 2 <= len(found) <= len(ascii_lowercase):
        raise RequestError(
            f"expected 2 to {len(ascii_lowercase)} methods to compare, got {len(found)}; give more runs, or name methods with --method"
        )
    return found


def _check_alike(runs: Sequence[RunFolder]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.evaluation.graph_hash != first.evaluation.graph_hash:
            raise RequestError(f"{run.path} was evaluated on another graph than {first.path}; compare runs of one graph")
        if _cases_of(run) != _cases_of(first):
            raise RequestError(f"{run.path} is of other cases than {first.path}; evaluate both with the same --split, --cases and --seed")
        if run.evaluation.k != first.evaluation.k:
            raise RequestError(
                f"{run.path} was measured at {run.evaluation.k} places, {first.path} at {first.evaluation.k}; evaluate again"
            )


def _cases_of(run: RunFolder) -> tuple[Any, ...]:
    evaluation = run.evaluation
    return evaluation.time, evaluation.cases, None if evaluation.manifest is None else evaluation.manifest.cases_hash
