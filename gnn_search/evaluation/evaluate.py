"""Compare rankers on the same cases over the full catalogue."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_search.errors import RequestError
from gnn_search.evaluation.intervals import clusters_of, percentile_interval, resampled_totals
from gnn_search.evaluation.metrics import Measure, find_relevant, measures, relevant_keys, score_lists
from gnn_search.evaluation.ranked import ranked_blocks
from gnn_search.evaluation.result import Cost, Difference, Evaluation, Score
from gnn_search.evaluation.slices import Slice, built_in_slices
from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import Ranker

Progress = Callable[[str, int, int], None]
"""Called with a method's name, the cases it has ranked and the number of all cases."""


def evaluate(
    cases: Cases,
    rankers: Sequence[Ranker],
    graph: Graph,
    k: Sequence[int] = (10, 100),
    draws: int = 1000,
    seed: int = 0,
    *,
    reference: str | None = None,
    slices: Sequence[Slice] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score every ranker in every slice by recall, NDCG and MRR, with bootstrap intervals over shoppers.

    Args:
        cases: What was asked and chosen.
        rankers: The methods, each as of the start of the cases' period.
        graph: The shop.
        k: Cut-offs of the lists.
        draws: Bootstrap draws.
        seed: Seed of the draws; the same seed gives the same scores and intervals.
        reference: Name of the method whose paired difference to every other is wanted.
        slices: Selections to report; None takes the built-in ones.
        progress: Called as the work goes on.

    Raises:
        RequestError: There is no case or ranker, two rankers share a name, none is called `reference`, a cut-off or `draws` is
            below 1, or a ranker returns something that is no ranking.
    """
    _check(cases, rankers, k, draws, reference)
    wanted = measures(k)
    parts = list(built_in_slices(cases, graph) if slices is None else slices)
    judge = _Judge(cases, parts, wanted, graph.num_nodes["product"], progress)
    judged = [judge.totals(ranker) for ranker in rankers]
    totals = np.stack([sums for sums, _ in judged])
    estimates = _Estimates(totals, judge.counts, draws, seed)
    names = [ranker.name for ranker in rankers]
    return Evaluation(
        graph=graph.manifest.name,
        graph_hash=graph.manifest.hash,
        time=cases.time,
        cases=len(cases),
        users=judge.counts.shape[1],
        candidates=judge.num_products,
        k=tuple(k),
        draws=draws,
        seed=seed,
        methods=tuple(names),
        slices=tuple(part.name for part in parts),
        reference=reference,
        scores=estimates.scores(names, parts, wanted),
        differences=() if reference is None else estimates.differences(names, parts, wanted, reference),
        costs=tuple(cost for _, cost in judged),
    )


class _Judge:
    """Holds the truth that all rankers are judged by.

    Shapes:
        counts: float64[slices, clusters], cases of each shopper that count in each slice.
    """

    def __init__(
        self, cases: Cases, slices: Sequence[Slice], wanted: Sequence[Measure], num_products: int, progress: Progress | None
    ) -> None:
        self.num_products = num_products
        self._cases, self._slices, self._wanted, self._progress = cases, slices, wanted, progress
        self._keys = relevant_keys(cases, num_products)
        case = cases.case_of_row()
        self._relevant = [np.bincount(case[part.rows], minlength=len(cases)) for part in slices]
        self._cluster = clusters_of(cases.user)
        self._clusters = int(self._cluster.max()) + 1
        self.counts = np.stack([self._by_cluster((relevant > 0).astype(np.float64)) for relevant in self._relevant])

    def totals(self, ranker: Ranker) -> tuple[NDArray[np.float64], Cost]:
        """Return the sums of each measure over the cases of each shopper, float64[slices, measures, clusters], and the ranker's cost."""
        values = np.zeros((len(self._slices), len(self._wanted), len(self._cases)))
        longest = max(measure.k for measure in self._wanted)
        wall = cpu = 0.0
        done = 0
        blocks = ranked_blocks(self._cases, ranker, longest, self.num_products)
        while True:
            before = time.perf_counter(), time.process_time()
            block = next(blocks, None)
            wall += time.perf_counter() - before[0]
            cpu += time.process_time() - before[1]
            if block is None:
                break
            self._score(*block, values)
            done += len(block[0])
            if self._progress is not None:
                self._progress(ranker.name, done, len(self._cases))
        sums = np.stack([np.stack([self._by_cluster(row) for row in part]) for part in values])
        return sums, Cost(method=ranker.name, wall_seconds=wall, cpu_seconds=cpu)

    def _score(self, case: NDArray[np.int64], product: NDArray[np.int32], values: NDArray[np.float64]) -> None:
        """Write the measures of a block's cases into `values`, float64[slices, measures, cases]."""
        row = find_relevant(product, case, self._keys, self.num_products)
        for i, (part, relevant) in enumerate(zip(self._slices, self._relevant, strict=True)):
            counted = np.flatnonzero(relevant[case] > 0)
            if len(counted):
                places = row[counted]
                values[i][:, case[counted]] = score_lists((places >= 0) & part.rows[places], relevant[case[counted]], self._wanted)

    def _by_cluster(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(self._cluster, weights=values, minlength=self._clusters), dtype=np.float64)


class _Estimates:
    """Means and bootstrap draws of all methods, slices and measures, made from the same draws of shoppers."""

    def __init__(self, totals: NDArray[np.float64], counts: NDArray[np.float64], draws: int, seed: int) -> None:
        methods, slices, wanted, clusters = totals.shape
        columns = np.concatenate([totals.reshape(-1, clusters), counts]).T
        drawn = resampled_totals(np.ascontiguousarray(columns), draws, seed)
        sums = drawn[:, :-slices].reshape(draws, methods, slices, wanted)
        sizes = drawn[:, None, -slices:, None]
        self._cases = counts.sum(axis=1)
        self._means = totals.sum(axis=3) / self._cases[None, :, None]
        # A draw of shoppers may hold no case of a small slice.
        self._draws = np.divide(sums, sizes, out=np.full_like(sums, np.nan), where=sizes > 0)

    def scores(self, names: Sequence[str], slices: Sequence[Slice], wanted: Sequence[Measure]) -> tuple[Score, ...]:
        low, high = percentile_interval(self._draws)
        return tuple(
            Score(
                method=name,
                slice=part.name,
                metric=measure.metric,
                k=measure.k,
                mean=float(self._means[m, s, q]),
                low=float(low[m, s, q]),
                high=float(high[m, s, q]),
                cases=int(self._cases[s]),
            )
            for m, name in enumerate(names)
            for s, part in enumerate(slices)
            for q, measure in enumerate(wanted)
        )

    def differences(
        self, names: Sequence[str], slices: Sequence[Slice], wanted: Sequence[Measure], reference: str
    ) -> tuple[Difference, ...]:
        base = names.index(reference)
        low, high = percentile_interval(self._draws[:, base : base + 1] - self._draws)
        means = self._means[base : base + 1] - self._means
        return tuple(
            Difference(
                reference=reference,
                method=name,
                slice=part.name,
                metric=measure.metric,
                k=measure.k,
                mean=float(means[m, s, q]),
                low=float(low[m, s, q]),
                high=float(high[m, s, q]),
                cases=int(self._cases[s]),
            )
            for m, name in enumerate(names)
            for s, part in enumerate(slices)
            for q, measure in enumerate(wanted)
            if m != base
        )


def _check(cases: Cases, rankers: Sequence[Ranker], k: Sequence[int], draws: int, reference: str | None) -> None:
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
