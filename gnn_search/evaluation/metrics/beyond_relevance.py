"""Metrics of the lists alone, whatever is relevant: diversity, novelty and repeats."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float64, Int32, Int64
from gnn_search.evaluation.metrics.hits import divide
from gnn_search.graph.pairs import count_interactions
from gnn_search.graph.store import GraphView
from gnn_search.graph.taxonomy import Taxonomy


class Diversity:
    """Measures the mean number of steps over the category tree between two products of a list; those in no category are left out.

    This is intra-list distance (Ziegler et al., 2005). A pair's distance is depth + depth - 2 * depth of the lowest shared category. Its
    sum over all pairs needs no pairs: at each level of the tree, n products in one category are n * (n - 1) / 2 pairs that share it.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._category = np.asarray(taxonomy.product_category)
        ancestors = taxonomy.ancestors()
        # By level from the top, so that the same column means the same level for all categories.
        self._levels = np.full((len(ancestors) + 1, ancestors.shape[1]), -1, dtype=np.int32)
        depth = np.asarray(taxonomy.depth)
        for above in range(ancestors.shape[1]):
            known = np.flatnonzero(ancestors[:, above] >= 0)
            self._levels[known, depth[known] - above] = ancestors[known, above]
        self._depth = np.append(depth, 0).astype(np.int64)

    def measure(self, product: Int32) -> Float64:
        """Return the mean distance in each list, NaN where fewer than two of its products are in a category.

        Shapes:
            - product: int32 [lists, k], -1 is padding
            - returns: float64 [lists]
        """
        category = np.where(product >= 0, self._category[product], -1)
        sizes = np.count_nonzero(category >= 0, axis=1)
        # Each depth stands in as many pairs as there are other products; a pair that shares nothing meets above the tops, at depth -1.
        depths = np.where(category >= 0, self._depth[category] + 1, 0).sum(axis=1) * (sizes - 1)
        shared = np.zeros(len(product), dtype=np.int64)
        for level in self._levels.T:
            shared += _equal_pairs(level[category])
        pairs = sizes * (sizes - 1) / 2
        mean = divide((depths - 2 * shared).astype(np.float64), pairs)
        return np.where(pairs > 0, mean, np.nan)


class Novelty:
    """Measures the mean of -log2 p over a list, in bits, p being a product's share of all positive interactions (Zhou et al., 2010).

    Each product counts one interaction more than it had, so that p is above 0 for every product.
    """

    def __init__(self, view: GraphView) -> None:
        interactions = view.edges(("query", "leads_to", "product")).degree() + 1.0
        self._bits = -np.log2(interactions / interactions.sum())

    def measure(self, product: Int32) -> Float64:
        """Return the mean novelty of each list, NaN for an empty one.

        Shapes:
            - product: int32 [lists, k], -1 is padding
            - returns: float64 [lists]
        """
        listed = product >= 0
        sizes = listed.sum(axis=1)
        mean = divide(np.where(listed, self._bits[product], 0.0).sum(axis=1), sizes)
        return np.where(sizes > 0, mean, np.nan)


class RepeatShare:
    """Measures the share of a list's products with which the user had interacted before, for whatever query."""

    def __init__(self, view: GraphView) -> None:
        self._interactions = count_interactions(view)

    def measure(self, product: Int32, user: Int32) -> Float64:
        """Return the share of each list, NaN for an empty one and for an unknown user.

        Shapes:
            - product: int32 [lists, k], -1 is padding
            - user: int32 [lists], -1 where unknown
            - returns: float64 [lists]
        """
        listed = product >= 0
        sizes = listed.sum(axis=1)
        known = (self._interactions.find(user[:, None], np.maximum(product, 0)) >= 0) & listed
        return np.where((sizes > 0) & (user >= 0), divide(known.sum(axis=1).astype(np.float64), sizes), np.nan)


def _equal_pairs(values: Int32) -> Int64:
    """Count the pairs of equal values in each row, -1 left out: int64 [rows]."""
    ordered = np.sort(values, axis=1)
    places = np.arange(values.shape[1])
    new = np.ones(values.shape, dtype=np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    start = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    # A value's n-th occurrence makes a pair with each of the n - 1 before it.
    return np.asarray(np.where(ordered >= 0, places - start, 0).sum(axis=1))
