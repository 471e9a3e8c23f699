"""Bootstrap intervals, paired permutation tests, Holm's correction and effect sizes, all over users.

The cases of one user resemble each other, so users are drawn and permuted, not cases (cluster bootstrap; Davison and Hinkley, 1997, 3.8).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from gnn_search.arrays import Float64, Int32, Int64

COVERAGE = 0.95
"""Of the intervals."""
LEVEL, POWER = 0.05, 0.8
"""Chance of seeing a difference that is none, and of seeing one of the detectable size."""
FEWEST_USERS = 30
"""Users below which a bootstrap interval is not to be trusted: it is drawn from too few to show how they differ."""
LEAST_PERMUTATIONS = 10_000
"""Permutations of a test, so that its p-value has an error of about .002 at .05."""
_PERMUTATIONS_A_TEST = 100
"""More permutations for larger families: Holm multiplies p-values by the size of the family, and the smallest must stay below .05."""
BLOCK_BYTES = 1 << 25
"""Memory of the resamples or permutations that are computed at once."""
_ROUNDING = 1e-9
"""Share of the summed differences by which two equal sums may differ in floating point."""


def too_small(users: int) -> bool:
    """Say whether a slice of so many users is too small to say anything."""
    return users < FEWEST_USERS


def clusters_of(user: Int32) -> Int64:
    """Number the users of the cases from 0; each case without a user is a cluster of its own.

    Shapes:
        - user: int32 [cases], -1 where unknown
        - returns: int64 [cases]
    """
    unknown = user < 0
    names = user.astype(np.int64)
    names[unknown] = -1 - np.arange(int(unknown.sum()))
    return np.unique(names, return_inverse=True)[1].reshape(-1).astype(np.int64)


class Bootstrap:
    """Resamples clusters with replacement, each time as many as there are.

    All sums of one bootstrap see the same resamples, so the ratio of two columns is a bootstrap mean, and the difference of two such means
    is paired.

    Args:
        seed: The same seed gives the same bytes.
        block_bytes: Memory of the resamples that are drawn at once; no result depends on it.
    """

    def __init__(self, clusters: int, n_resamples: int, seed: int, block_bytes: int = BLOCK_BYTES) -> None:
        random = np.random.Generator(np.random.Philox(seed))
        self._block = max(1, min(n_resamples, block_bytes // (8 * max(clusters, 1))))
        # How often a cluster is drawn is about Poisson(1): 255 is beyond all chance.
        self._counts = np.empty((n_resamples, clusters), dtype=np.uint8)
        for start in range(0, n_resamples, self._block):
            size = min(self._block, n_resamples - start)
            drawn = random.integers(0, clusters, size=(size, clusters)) + np.arange(size)[:, None] * clusters
            self._counts[start : start + size] = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)

    def totals(self, sums: Float64, cluster: Int64 | None = None) -> Float64:
        """Add up what the drawn clusters hold.

        Shapes:
            - sums: float64 [clusters, columns], what each cluster holds: sums of a metric, or numbers of cases
            - cluster: int64 [clusters], those that hold anything; None means all
            - returns: float64 [n_resamples, columns]
        """
        parts = []
        for start in range(0, len(self._counts), self._block):
            counts = self._counts[start : start + self._block]
            parts.append((counts if cluster is None else counts[:, cluster]).astype(np.float64) @ sums)
        return np.concatenate(parts)


def percentile_interval(samples: Float64) -> tuple[Float64, Float64]:
    """Return the lower and upper end of the middle 95 % of the resamples; NaN marks one that held no case of the slice, and is left out."""
    tail = (1 - COVERAGE) / 2
    # Where nothing is missing the plain function does, which is far faster.
    quantile = np.nanquantile if np.isnan(samples).any() else np.quantile
    low, high = quantile(samples, [tail, 1 - tail], axis=0)
    return low, high


def mean_interval(
    values: Float64, user: Int32, n_resamples: int = 1000, seed: int = 0, block_bytes: int = BLOCK_BYTES
) -> tuple[Float64, Float64, Float64]:
    """Return mean, lower and upper end of each column of per-case values.

    For the difference between two methods on the same cases pass the difference of their values.

    Shapes:
        - values: float64 [cases, columns]
        - user: int32 [cases]
        - returns: float64 [columns] each
    """
    totals = sum_by_cluster(clusters_of(user), np.column_stack([values, np.ones(len(values))]))
    drawn = Bootstrap(len(totals), n_resamples, seed, block_bytes).totals(totals)
    low, high = percentile_interval(drawn[:, :-1] / drawn[:, -1:])
    return values.mean(axis=0), low, high


def sum_by_cluster(cluster: Int64, values: Float64) -> Float64:
    """Sum per-case values, float64 [cases, columns], over the cases of each cluster: float64 [clusters, columns]."""
    totals = np.zeros((int(cluster.max()) + 1, values.shape[1]))
    np.add.at(totals, cluster, values)
    return totals


def permutations_for(family: int) -> int:
    """Return how many permutations each test of a family of some size gets."""
    return max(LEAST_PERMUTATIONS, _PERMUTATIONS_A_TEST * family)


def permutation_test(differences: Float64, n_permutations: int, seed: int, block_bytes: int = BLOCK_BYTES) -> Float64:
    """Return two-sided paired permutation p-values: the labels of two methods are swapped at random per user.

    Smucker, Allan and Carterette (2007) find it the test to use in retrieval. The p-value is the share of permutations, the observed one
    among them (Phipson and Smyth, 2010), whose sum lies at least as far from zero. A user's cases are swapped together, as they resemble
    each other. Columns see the same permutations.

    Args:
        differences: What the one method has more than the other, summed over the cases of each user.
        n_permutations: How many permutations are drawn.
        seed: The same seed gives the same bytes.
        block_bytes: Memory of the permutations that are drawn at once; no result depends on it.

    Shapes:
        - differences: float64 [users, columns]
        - returns: float64 [columns]
    """
    random = np.random.Generator(np.random.Philox(seed))
    users = len(differences)
    observed = np.abs(differences.sum(axis=0))
    least = observed - _ROUNDING * np.abs(differences).sum(axis=0)
    width = -(-users // 8)
    block = max(1, min(n_permutations, block_bytes // (8 * max(users, 1))))
    extreme = np.zeros(differences.shape[1], dtype=np.int64)
    for start in range(0, n_permutations, block):
        size = min(block, n_permutations - start)
        bits = random.integers(0, 256, size=(size, width), dtype=np.uint8)
        signs = np.unpackbits(bits, axis=1, count=users).astype(np.float64) * 2 - 1
        extreme += np.count_nonzero(np.abs(signs @ differences) >= least, axis=0)
    return (extreme + 1) / (n_permutations + 1)


def holm(p_values: Float64) -> Float64:
    """Return p-values adjusted for the size of their family (Holm, 1979).

    To call those below .05 significant is then wrong about any of them in at most 5 % of families, however the tests depend on each
    other. Of m p-values the i-th smallest is multiplied by m - i + 1, and is at least as large as those before it.

    Shapes:
        - p_values: float64 [family]
        - returns: float64 [family]
    """
    order = np.argsort(p_values, kind="stable")
    raised = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def effect_size(differences: Float64, weights: Float64) -> float | None:
    """Return the mean of the users' differences divided by their standard deviation (Cohen's d for pairs).

    Returns:
        0 where nobody differs; None where all differ alike or there is but one user.

    Shapes:
        - differences: float64 [users], summed over the cases of each user
        - weights: float64 [users], of these cases; users without any are left out
    """
    present = weights > 0
    values = differences[present] / weights[present]
    if not values.any():
        return 0.0
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return float(values.mean() / spread) if spread > 0 else None


def detectable_difference(samples: Float64) -> Float64:
    """Return the smallest true difference that these cases would show at the level of 5 % in four of five tries.

    By the normal approximation, (z_.975 + z_.8) standard errors; the bootstrap gives the standard error.

    Shapes:
        - samples: float64 [n_resamples, ...], bootstrap differences, NaN where a resample held no case
        - returns: float64 [...]
    """
    standard_error = np.nanstd(samples, axis=0)
    return np.asarray((norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER)) * standard_error)
