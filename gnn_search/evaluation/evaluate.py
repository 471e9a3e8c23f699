"""Compare rankers on the same cases over the full catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gnn_search.errors import RequestError
from gnn_search.evaluation.estimates import UserBootstrap, adjust, estimate
from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.measure import SLICE_METRICS, Measure, measures
from gnn_search.evaluation.qrels import Qrels, plain_qrels
from gnn_search.evaluation.result import Coverage, Difference, Evaluation, Score
from gnn_search.evaluation.run import BLOCK_CASES, Run, RunBuilder
from gnn_search.evaluation.run_folder import RunWriter
from gnn_search.evaluation.significance import LEAST_PERMUTATIONS, permutations_for
from gnn_search.evaluation.slices import Slice, built_in_slices
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.progress import Progress
from gnn_search.retrieval.ranking import CaseRanker


def evaluate(
    cases: Cases,
    rankers: Sequence[CaseRanker],
    graph: Graph,
    k: Sequence[int] = (10, 100),
    n_resamples: int = 1000,
    seed: int = 0,
    *,
    reference: str | None = None,
    slices: Sequence[Slice] | None = None,
    qrels: Qrels | None = None,
    recorder: RunWriter | None = None,
    progress: Progress | None = None,
    block_cases: int = BLOCK_CASES,
) -> Evaluation:
    """Score every ranker in every slice, with bootstrap intervals over users, and test how they differ.

    Args:
        cases: The cases.
        rankers: The methods, each as of the start of the cases' period.
        graph: The shop.
        k: Cut-offs of the lists.
        n_resamples: Bootstrap resamples.
        seed: Seed of the resamples and tests; the same seed gives the same scores, intervals and p-values.
        reference: Name of the method that every other is compared with, in pairs. In the first slice each measure is tested, in the
            others recall at the first cut-off.
        slices: Slices to report; None takes the built-in ones. The first gets every measure, the others those of `SLICE_METRICS`.
        qrels: Actions, grades and spend of the relevant products, where they are known.
        recorder: Keeps results case by case.
        progress: Called as the work goes on.
        block_cases: Cases that are ranked at once.

    Raises:
        RequestError: There is no case or ranker, two rankers share a name, none is called `reference`, a cut-off or `n_resamples` is
            below 1, or a ranker returns lists that are not valid.
    """
    _check(cases, rankers, k, n_resamples, reference)
    qrels = qrels or plain_qrels(cases)
    wanted = measures(k, list(qrels.actions), graded=qrels.grade is not None, spend=qrels.spend is not None)
    parts = list(built_in_slices(cases, graph) if slices is None else slices)
    names = [ranker.name for ranker in rankers]
    if recorder is not None:
        recorder.record_cases(cases, qrels, parts)
    builder = RunBuilder(cases, graph, max(k), min(k), progress, block_cases)
    everything = Evaluator(qrels, None, wanted)
    methods: list[tuple[str, Run]] = []
    costs, coverage = [], []
    for ranker in rankers:
        ranked = builder.build_run(ranker)
        if recorder is not None:
            recorder.record_method(ranker.name, ranked, wanted, everything)
        methods.append((ranker.name, ranked.run))
        costs.append(ranked.cost)
        share = ranked.covered / graph.num_nodes["product"]
        coverage.append(Coverage(method=ranker.name, k=min(k), products=ranked.covered, share=share))
    users = UserBootstrap(cases.user, n_resamples, seed)
    scores, differences = _estimate(qrels, parts, methods, wanted, users, reference)
    return Evaluation(
        graph=graph.manifest.name,
        graph_hash=graph.manifest.hash,
        time=cases.time,
        cases=len(cases),
        users=users.count,
        candidates=graph.num_nodes["product"],
        k=tuple(k),
        n_resamples=n_resamples,
        seed=seed,
        methods=tuple(names),
        slices=tuple(part.name for part in parts),
        reference=reference,
        scores=scores,
        differences=differences,
        coverage=tuple(coverage),
        costs=tuple(costs),
    )


def _estimate(
    qrels: Qrels,
    slices: Sequence[Slice],
    methods: Sequence[tuple[str, Run]],
    wanted: Sequence[Measure],
    users: UserBootstrap,
    reference: str | None,
) -> tuple[tuple[Score, ...], tuple[Difference, ...]]:
    """Estimate slice by slice, so that memory holds the values of one."""
    names = [name for name, _ in methods]
    base = None if reference is None else names.index(reference)
    pairs = [] if base is None else [(base, other) for other in range(len(names)) if other != base]
    headline = Measure("recall", min(measure.k for measure in wanted))
    most = permutations_for(len(pairs) * len(slices))
    scores: list[Score] = []
    differences: list[Difference] = []
    for place, part in enumerate(slices):

        def n_permutations(measure: Measure, first: bool = place == 0) -> int:
            return most if measure == headline else LEAST_PERMUTATIONS if first else 0

        measured = wanted if place == 0 else [measure for measure in wanted if measure.metric in SLICE_METRICS]
        found = estimate(part.name, Evaluator(qrels, part.rows, measured), methods, pairs, measured, users, n_permutations)
        scores += found[0]
        differences += found[1]
    # Method by method, as tables show them; a sort keeps the order of the slices.
    scores.sort(key=lambda score: names.index(score.method))
    differences.sort(key=lambda difference: names.index(difference.method))
    return tuple(scores), adjust(differences)


def _check(cases: Cases, rankers: Sequence[CaseRanker], k: Sequence[int], n_resamples: int, reference: str | None) -> None:
    names = [ranker.name for ranker in rankers]
    if len(cases) == 0 or not names:
        raise RequestError(f"expected at least one case and one ranker to evaluate, got {len(cases)} and {len(names)}")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise RequestError(f"expected rankers with distinct names, got '{repeated[0]}' {names.count(repeated[0])} times; rename one")
    if reference is not None and reference not in names:
        raise RequestError(f"no ranker is called '{reference}' to compare with; there are {', '.join(names)}")
    if not k or min(k) < 1 or n_resamples < 1:
        raise RequestError(f"expected cut-offs and bootstrap resamples of at least 1, got k = {tuple(k)} and {n_resamples} resamples")
