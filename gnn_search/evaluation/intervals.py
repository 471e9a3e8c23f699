"""Percentile bootstrap intervals over shoppers.

The cases of one shopper resemble each other, so shoppers are drawn, not cases (cluster bootstrap; Davison and Hinkley, 1997, 3.8).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.95
_BLOCK_BYTES = 1 << 25


def clusters_of(user: NDArray[np.int32]) -> NDArray[np.int64]:
    """Number the shoppers of the cases from 0; each case without a shopper is a cluster of its own.

    Shapes:
        user: int32[cases], -1 where unknown; result: int64[cases].
    """
    unknown = user < 0
    names = user.astype(np.int64)
    names[unknown] = -1 - np.arange(int(unknown.sum()))
    return np.unique(names, return_inverse=True)[1].reshape(-1).astype(np.int64)


class Bootstrap:
    """Draws as many clusters as there are, with replacement, again and again.

    Everything that one of these adds up sees the same draws, so the ratio of two columns is a bootstrap mean, and the difference of two
    such means is paired.

    Args:
        clusters: How many there are.
        draws: How often to draw.
        seed: The same seed gives the same bytes.
    """

    def __init__(self, clusters: int, draws: int, seed: int) -> None:
        random = np.random.Generator(np.random.Philox(seed))
        self._block = max(1, min(draws, _BLOCK_BYTES // (8 * max(clusters, 1))))
        # How often a cluster is drawn is about Poisson(1): 255 is beyond all chance.
        self._counts = np.empty((draws, clusters), dtype=np.uint8)
        for start in range(0, draws, self._block):
            size = min(self._block, draws - start)
            drawn = random.integers(0, clusters, size=(size, clusters)) + np.arange(size)[:, None] * clusters
            self._counts[start : start + size] = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)

    def totals(self, sums: NDArray[np.float64], cluster: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Add up what the drawn clusters hold.

        Args:
            sums: What each cluster holds: sums of a metric, or numbers of cases.
            cluster: The clusters that hold anything; None means all.

        Shapes:
            sums: float64[clusters, columns]; cluster: int64[clusters]; result: float64[draws, columns].
        """
        parts = []
        for start in range(0, len(self._counts), self._block):
            counts = self._counts[start : start + self._block]
            parts.append((counts if cluster is None else counts[:, cluster]).astype(np.float64) @ sums)
        return np.concatenate(parts)


def resampled_totals(totals: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    """Return what the clusters of each bootstrap draw hold together.

    Shapes:
        totals: float64[clusters, columns]; result: float64[draws, columns].
    """
    return Bootstrap(len(totals), draws, seed).totals(totals)


def percentile_interval(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper end of the middle 95 % of the draws.

    Args:
        samples: float64[draws, ...]; NaN marks a draw that held no case of the slice, and is left out.
    """
    tail = (1 - COVERAGE) / 2
    # Where nothing is missing the plain function does, which is far faster.
    quantile = np.nanquantile if np.isnan(samples).any() else np.quantile
    low, high = quantile(samples, [tail, 1 - tail], axis=0)
    return low, high


def mean_interval(
    values: NDArray[np.float64], user: NDArray[np.int32], draws: int = 1000, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, lower and upper end of each column of per-case values.

    For the difference between two methods on the same cases pass the difference of their values.

    Shapes:
        values: float64[cases, columns]; user: int32[cases]; results: float64[columns] each.
    """
    cluster = clusters_of(user)
    totals = np.zeros((int(cluster.max()) + 1, values.shape[1] + 1))
    np.add.at(totals, cluster, np.column_stack([values, np.ones(len(values))]))
    drawn = resampled_totals(totals, draws, seed)
    low, high = percentile_interval(drawn[:, :-1] / drawn[:, -1:])
    return values.mean(axis=0), low, high
