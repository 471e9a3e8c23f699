"""Diversity: how far apart the products of a list lie in the category tree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.hits import Float64, share
from gnn_search.graph.taxonomy import Taxonomy


class Diversity:
    """Measures the mean number of steps over the category tree between two products of a list.

    This is intra-list distance (Ziegler et al., 2005).
    A pair's distance is depth + depth - 2 * depth of the lowest shared category. Its sum over all pairs needs no pairs: at each level of
    the tree, n products in one category are n * (n - 1) / 2 pairs that share it.

    Args:
        taxonomy: The tree; products in no category are left out.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._category = np.asarray(taxonomy.product_category)
        ways = taxonomy.ancestors()
        # By level from the top, so that the same column means the same level for all categories.
        self._levels = np.full((len(ways) + 1, ways.shape[1]), -1, dtype=np.int32)
        depth = np.asarray(taxonomy.depth)
        for above in range(ways.shape[1]):
            known = np.flatnonzero(ways[:, above] >= 0)
            self._levels[known, depth[known] - above] = ways[known, above]
        self._depth = np.append(depth, 0).astype(np.int64)

    def measure(self, product: NDArray[np.int32]) -> Float64:
        """Return the mean distance of each list, NaN for one with fewer than two products in a category.

        Shapes:
            product: int32[lists, k], -1 is padding; returns float64[lists].
        """
        category = np.where(product >= 0, self._category[product], -1)
        sizes = np.count_nonzero(category >= 0, axis=1)
        # Each depth stands in as many pairs as there are other products; a pair that shares nothing meets above the tops, at depth -1.
        depths = np.where(category >= 0, self._depth[category] + 1, 0).sum(axis=1) * (sizes - 1)
        shared = np.zeros(len(product), dtype=np.int64)
        for level in self._levels.T:
            shared += _pairs_alike(level[category])
        pairs = sizes * (sizes - 1) / 2
        mean = share((depths - 2 * shared).astype(np.float64), pairs)
        return np.where(pairs > 0, mean, np.nan)


def _pairs_alike(values: NDArray[np.int32]) -> NDArray[np.int64]:
    """Count the pairs of equal values in each row, -1 left out: int64[rows]."""
    ordered = np.sort(values, axis=1)
    places = np.arange(values.shape[1])
    new = np.ones(values.shape, dtype=np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    start = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    # A value's n-th occurrence makes a pair with each of the n - 1 before it.
    return np.asarray(np.where(ordered >= 0, places - start, 0).sum(axis=1))
