"""Means, intervals and tests of all methods in one slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Float64, Int32, Int64
from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.result import Difference, Score
from gnn_search.evaluation.run import Run
from gnn_search.evaluation.significance import (
    Bootstrap,
    clusters_of,
    detectable_difference,
    effect_size,
    holm,
    percentile_interval,
    permutation_test,
)


class UserBootstrap:
    """The users of the cases, and the resamples of them that all intervals come from.

    Args:
        user: int32 [cases], -1 where unknown.
    """

    def __init__(self, user: Int32, n_resamples: int, seed: int) -> None:
        self.cluster = clusters_of(user)
        self.count = int(self.cluster.max()) + 1
        self.seed = seed
        self.bootstrap = Bootstrap(self.count, n_resamples, seed)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What one method has of each user who has a case in the slice, and the bootstrap means.

    Shapes:
        - values, weights: float64 [users, measures]
        - resampled: float64 [n_resamples, measures]
    """

    values: Float64
    weights: Float64
    resampled: Float64

    @property
    def mean(self) -> Float64:
        return _ratio(self.values.sum(axis=0), self.weights.sum(axis=0))


def estimate(
    name: str,
    evaluator: Evaluator,
    methods: Sequence[tuple[str, Run]],
    pairs: Sequence[tuple[int, int]],
    wanted: Sequence[Measure],
    users: UserBootstrap,
    n_permutations: Callable[[Measure], int],
) -> tuple[list[Score], list[Difference]]:
    """Estimate all measures of all methods, and how pairs of methods differ.

    Args:
        name: Of the slice.
        evaluator: Scores runs in the slice.
        methods: Names and runs.
        pairs: Places in `methods`: the first of a pair minus the second.
        wanted: The measures of the evaluator.
        users: Who is resampled.
        n_permutations: Says for a measure how many permutations its test gets; 0 for no test.

    Returns:
        Scores, and differences whose p-values are not yet adjusted.
    """
    cases = int(evaluator.counted.sum())
    present, cluster = np.unique(users.cluster[evaluator.counted], return_inverse=True)
    sums = [_sums(evaluator, run, present, cluster, users) for _, run in methods]
    scores = []
    for (method, _), of_method in zip(methods, sums, strict=True):
        known = np.flatnonzero(~np.isnan(of_method.mean))
        low, high = percentile_interval(of_method.resampled[:, known])
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
    p_values = _test(sums, pairs, [0 if measure.of_list_alone else n_permutations(measure) for measure in wanted], users.seed)
    differences = []
    for place, (first, second) in enumerate(pairs):
        names = methods[first][0], methods[second][0]
        differences += _differences(name, names, sums[first], sums[second], p_values[place], wanted, cases)
    return scores, differences


def _differences(
    slice_name: str, names: tuple[str, str], one: _Sums, other: _Sums, p_values: Float64, wanted: Sequence[Measure], cases: int
) -> list[Difference]:
    """Return one method minus another by every measure that both have."""
    mean = one.mean - other.mean
    known = np.flatnonzero(~np.isnan(mean))
    drawn = (one.resampled - other.resampled)[:, known]
    low, high = percentile_interval(drawn)
    detectable = detectable_difference(drawn)
    return [
        Difference(
            reference=names[0],
            method=names[1],
            slice=slice_name,
            metric=wanted[q].metric,
            k=wanted[q].k,
            mean=float(mean[q]),
            low=float(low[i]),
            high=float(high[i]),
            cases=cases,
            users=len(one.values),
            p_value=None if np.isnan(p_values[q]) else float(p_values[q]),
            effect_size=None if wanted[q].of_list_alone else effect_size(one.values[:, q] - other.values[:, q], one.weights[:, q]),
            detectable=float(detectable[i]),
        )
        for i, q in enumerate(known.tolist())
    ]


def _sums(evaluator: Evaluator, run: Run, present: Int64, cluster: Int64, users: UserBootstrap) -> _Sums:
    scored = evaluator.score_run(run)

    def by_user(rows: Float64) -> Float64:
        return np.stack([np.bincount(cluster, weights=row[evaluator.counted], minlength=len(present)) for row in rows], axis=1)

    values, weights = by_user(scored.values), by_user(scored.weights)
    drawn = users.bootstrap.totals(np.concatenate([values, weights], axis=1), present)
    count = values.shape[1]
    means = _ratio(drawn[:, :count], drawn[:, count:][:, scored.kind])
    found = _Sums(values, weights[:, scored.kind], means)
    # A resample may hold no case of a small slice, and is left out. Should none hold any, the interval is the mean itself.
    empty = np.isnan(means).all(axis=0)
    means[:, empty] = found.mean[empty]
    return found


def _test(sums: Sequence[_Sums], pairs: Sequence[tuple[int, int]], n_permutations: Sequence[int], seed: int) -> Float64:
    """Return the p-values, float64[pairs, measures], NaN where there is no test."""
    p_values = np.full((len(pairs), len(n_permutations)), np.nan)
    for count in sorted(set(n_permutations) - {0}):
        tested = np.flatnonzero(np.array(n_permutations) == count)
        if pairs:
            differences = np.concatenate([(sums[i].values - sums[j].values)[:, tested] for i, j in pairs], axis=1)
            p_values[:, tested] = permutation_test(differences, count, seed).reshape(len(pairs), len(tested))
    return p_values


def _ratio(top: Float64, bottom: Float64) -> Float64:
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))


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
