"""Search among some of the products."""

from __future__ import annotations

import numpy as np

from gnn_search.graph.csr import Float32, Int32
from gnn_search.index.base import ProductIndex


def search_allowed(index: ProductIndex, queries: Float32, k: int, allowed: Int32 | None) -> tuple[Float32, Int32]:
    """Find each query's products with the largest inner products among those allowed, best first, ties by the lower row.

    Args:
        index: All products.
        queries: The queries.
        k: Most products a list.
        allowed: The only rows wanted, ascending and distinct; None for all.

    Shapes:
        queries: float32 [m, d]; allowed: int32 [n]. Returns score float32 and row int32, [m, min(k, n)] each.
    """
    if allowed is None:
        return index.search(queries, k)
    if not len(allowed):
        return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int32)
    return index.search(queries, min(k, len(allowed)), allowed)
