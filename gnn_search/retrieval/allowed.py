"""Exact search among some of the products."""

from __future__ import annotations

import numpy as np

from gnn_search.graph.csr import Float32, Int32
from gnn_search.index.flat import FlatIndex

_PAIRS = 1 << 20
"""Most pairs of a query and a product that are scored at a time."""


def search_allowed(index: FlatIndex, queries: Float32, k: int, allowed: Int32 | None) -> tuple[Float32, Int32]:
    """Find each query's products with the largest inner products among those allowed, best first, ties by the lower row.

    The scores are those of `FlatIndex.search` to the bit, so a filtered list is the whole one without the products that are not allowed.

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
    width, step = min(k, len(allowed)), max(1, _PAIRS // max(len(allowed), 1))
    score = np.empty((len(queries), width), dtype=np.float32)
    row = np.empty((len(queries), width), dtype=np.int32)
    for start in range(0, len(queries) if width else 0, step):
        block = np.ascontiguousarray(queries[start : start + step], dtype=np.float32)
        query = np.repeat(np.arange(len(block), dtype=np.int64), len(allowed))
        scores = index.similarity(block, query, np.tile(allowed, len(block))).astype(np.float32).reshape(len(block), len(allowed))
        # Rows ascend, so a stable sort leaves ties in the order of the rows.
        order = np.argsort(-scores, axis=1, kind="stable")[:, :width]
        score[start : start + step], row[start : start + step] = np.take_along_axis(scores, order, axis=1), allowed[order]
    return score, row
