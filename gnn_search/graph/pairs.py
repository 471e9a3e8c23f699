"""Count how often a node and a product met in what a view of the graph shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Int32, Int64, find_keys
from gnn_search.graph.store import EdgeType, GraphView


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct (row, product) pairs in ascending order.

    Shapes:
        - indptr: int64[rows + 1], the pairs of row i are `indptr[i]` to `indptr[i + 1]`
        - key: int64[pairs], row * products + product, ascending
        - product: int32[pairs]
        - count: int64[pairs], edges that joined the two
    """

    indptr: Int64
    key: Int64
    product: Int32
    count: Int64
    num_products: int

    def find(self, row: Int32, product: Int32) -> Int64:
        """Return the position of each (row, product) among the pairs, -1 where there is none or the row is negative."""
        return find_keys(self.key, row.astype(np.int64) * self.num_products + product)


def count_pairs(view: GraphView, edge_types: Sequence[EdgeType]) -> Pairs:
    """Count the visible edges of each (row, product) pair.

    Args:
        view: The graph as of some time.
        edge_types: One or more relations from products to the same node type, such as ("product", "rev_purchase", "user").

    Returns:
        One entry a distinct pair, over all the relations together.
    """
    num_rows = view.graph.num_nodes[edge_types[0][2]]
    num_products = view.graph.num_nodes["product"]
    keys = []
    for edge_type in edge_types:
        row, product, _, _ = view.edges(edge_type).flatten()
        keys.append(row.astype(np.int64) * num_products + product)
    key, count = np.unique(np.concatenate(keys), return_counts=True)
    indptr = np.searchsorted(key, np.arange(num_rows + 1, dtype=np.int64) * num_products)
    return Pairs(indptr.astype(np.int64), key, (key % num_products).astype(np.int32), count.astype(np.int64), num_products)


def count_interactions(view: GraphView) -> Pairs:
    """Count the positive interactions of each user with each product."""
    return count_pairs(view, [("product", f"rev_{action}", "user") for action in view.graph.positive_actions])
