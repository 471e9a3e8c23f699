"""Means, intervals and tests of all methods in one selection of the cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.effect import detectable_difference, effect_size
from gnn_search.evaluation.intervals import Bootstrap, clusters_of, percentile_interval
from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.metrics.score import Listed, Selection
from gnn_search.evaluation.randomisation import randomisation_test
from gnn_search.evaluation.result import Difference, Score

Float64 = NDArray[np.float64]


class Shoppers:
    """The shoppers of the cases, and the draws of them that everything is estimated from.

    Args:
        user: int32[cases], -1 where unknown.
        draws: Bootstrap draws.
        seed: Of the draws and of the tests.
    """

    def __init__(self, user: NDArray[np.int32], draws: int, seed: int) -> None:
        self.cluster = clusters_of(user)
        self.count = int(self.cluster.max()) + 1
        self.seed = seed
        self.bootstrap = Bootstrap(self.count, draws, seed)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What one method has of each shopper who has a case in the selection, and the bootstrap means.

    Shapes:
        values, weights: float64[shoppers, measures]; draws: float64[draws, measures].
    """

    values: Float64
    weights: Float64
    draws: Float64

    @property
    def mean(self) -> Float64:
        return _ratio(self.values.sum(axis=0), self.weights.sum(axis=0))


def estimate(
    name: str,
    selection: Selection,
    methods: Sequence[tuple[str, Listed]],
    pairs: Sequence[tuple[int, int]],
    wanted: Sequence[Measure],
    shoppers: Shoppers,
    flips: Callable[[Measure], int],
) -> tuple[list[Score], list[Difference]]:
    """Estimate all measures of all methods, and how pairs of methods differ.

    Args:
        name: Of the selection.
        selection: What counts.
        methods: Names and lists.
        pairs: Places in `methods`: the first of a pair minus the second.
        wanted: The measures that the selection was made with.
        shoppers: Who is drawn.
        flips: Says for a measure how often the coins of its randomisation test are tossed; 0 for no test.

    Returns:
        Scores, and differences whose p-values are not yet adjusted.
    """
    cases = int(selection.counted.sum())
    present, cluster = np.unique(shoppers.cluster[selection.counted], return_inverse=True)
    sums = [_sums(selection, listed, present, cluster, shoppers) for _, listed in methods]
    scores = []
    for (method, _), of_method in zip(methods, sums, strict=True):
        known = np.flatnonzero(~np.isnan(of_method.mean))
        low, high = percentile_interval(of_method.draws[:, known])
        scores += [
            Score(
                method=method,
                slice=name,
                metric=wanted[q].metric,
                k=wanted[q].k,
                mean=float(mean),
                low=float(at),
                high=float(to),
                cases=cases,
                users=len(present),
            )
            for q, mean, at, to in zip(known.tolist(), of_method.mean[known], low, high, strict=True)
        ]
    p_values = _test(sums, pairs, [0 if measure.of_lists else flips(measure) for measure in wanted], shoppers.seed)
    differences = []
    for place, (first, second) in enumerate(pairs):
        names = methods[first][0], methods[second][0]
        differences += _differences(name, names, sums[first], sums[second], p_values[place], wanted, cases)
    return scores, differences


def _differences(
    selection: str, names: tuple[str, str], one: _Sums, other: _Sums, p_values: Float64, wanted: Sequence[Measure], cases: int
) -> list[Difference]:
    """Return one method minus another by every measure that both have."""
    mean = one.mean - other.mean
    known = np.flatnonzero(~np.isnan(mean))
    drawn = (one.draws - other.draws)[:, known]
    low, high = percentile_interval(drawn)
    detectable = detectable_difference(drawn)
    return [
        Difference(
            reference=names[0],
            method=names[1],
            slice=selection,
            metric=wanted[q].metric,
            k=wanted[q].k,
            mean=float(mean[q]),
            low=float(low[i]),
            high=float(high[i]),
            cases=cases,
            users=len(one.values),
            p_value=None if np.isnan(p_values[q]) else float(p_values[q]),
            effect_size=None if wanted[q].of_lists else effect_size(one.values[:, q] - other.values[:, q], one.weights[:, q]),
            detectable=float(detectable[i]),
        )
        for i, q in enumerate(known.tolist())
    ]


def _sums(selection: Selection, listed: Listed, present: NDArray[np.int64], cluster: NDArray[np.int64], shoppers: Shoppers) -> _Sums:
    scored = selection.score(listed)

    def by_shopper(rows: Float64) -> Float64:
        return np.stack([np.bincount(cluster, weights=row[selection.counted], minlength=len(present)) for row in rows], axis=1)

    values, weights = by_shopper(scored.values), by_shopper(scored.weights)
    drawn = shoppers.bootstrap.totals(np.concatenate([values, weights], axis=1), present)
    count = values.shape[1]
    means = _ratio(drawn[:, :count], drawn[:, count:][:, scored.kind])
    found = _Sums(values, weights[:, scored.kind], means)
    # A draw of shoppers may hold no case of a small slice, and is left out. Should no draw hold any, the interval is the mean itself.
    empty = np.isnan(means).all(axis=0)
    means[:, empty] = found.mean[empty]
    return found


def _test(sums: Sequence[_Sums], pairs: Sequence[tuple[int, int]], flips: Sequence[int], seed: int) -> Float64:
    """Return the p-values, float64[pairs, measures], NaN where there is no test."""
    p_values = np.full((len(pairs), len(flips)), np.nan)
    for count in sorted(set(flips) - {0}):
        tested = np.flatnonzero(np.array(flips) == count)
        if pairs:
            differences = np.concatenate([(sums[i].values - sums[j].values)[:, tested] for i, j in pairs], axis=1)
            p_values[:, tested] = randomisation_test(differences, count, seed).reshape(len(pairs), len(tested))
    return p_values


def _ratio(top: Float64, bottom: Float64) -> Float64:
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))
