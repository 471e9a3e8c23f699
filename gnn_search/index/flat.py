"""The exact index: every query meets every product."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import faiss
import numpy as np
import polars as pl

from gnn_search.arrays import Float32, Float64, Int32, Int64
from gnn_search.index.base import ProductIndex, SearchBlock, best, exact_scores, pair_scores
from gnn_search.index.settings import IndexSettings

# FAISS's type hints do not know its keyword arguments.
_faiss: Any = faiss

_SPARE = 8
"""Candidates beyond k whose scores are computed again."""
_TOLERANCE = 1e-5
"""Twice the largest error of a float32 inner product of unit vectors."""
_SMALL_SHARE = 8
"""A filter that leaves one row in so many is answered from a copy of these rows; reading past the others would cost more."""
_MANY_QUERIES = 16
"""From so many filtered queries on a copy of the rows is worth its while: FAISS multiplies matrices only where it skips no row."""

# Queries times dimension. By default FAISS multiplies matrices from a thousand queries on only, and is five times as slow below.
faiss.cvar.distance_compute_blas_threshold = 20 * 128


class FlatIndex(ProductIndex):
    """Exact inner-product search over all products.

    FAISS finds the candidates in float32; their scores are computed again by `exact_scores`.
    """

    def __init__(self, index: faiss.IndexFlatIP, ids: pl.Series | None = None, origin: Mapping[str, Any] | None = None) -> None:
        super().__init__(index, IndexSettings(kind="flat"), None, ids, origin)
        self._map_vectors()

    @classmethod
    def build(cls, vectors: Float32, ids: pl.Series | None = None) -> FlatIndex:
        """Index vectors.

        Shapes:
            - vectors: float32 [n, d]
            - ids: [n]
        """
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index, ids)

    def similarity(self, queries: Float32, query: Int64, row: Int32) -> Float64:
        """Return the inner products of given pairs.

        Shapes:
            - queries: float32 [m, d]
            - query: int64 [pairs], which of them
            - row: int32 [pairs]
            - returns: float64 [pairs]
        """
        return pair_scores(self._vectors, queries, query, row)

    def _append(self, vectors: Float32) -> None:
        super()._append(vectors)
        self._map_vectors()

    def _map_vectors(self) -> None:
        """Take the vectors that FAISS holds, without a copy."""
        index: Any = self.faiss_index
        self._vectors: Float32 = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d)
        self._longest = float(np.sqrt(np.max(np.einsum("nd,nd->n", self._vectors, self._vectors), initial=0.0)))

    def _searcher(self, rows: Int64 | None, k: int, queries: int) -> SearchBlock:
        if rows is not None and (len(rows) * _SMALL_SHARE <= len(self._vectors) or queries >= _MANY_QUERIES):
            return search_copy(self._vectors[rows], rows, k)
        return partial(self._search_block, k=k, rows=rows)

    def _search_block(self, queries: Float32, k: int, rows: Int64 | None) -> tuple[Float32, Int32]:
        count = len(self._vectors) if rows is None else len(rows)
        width = min(k + _SPARE, count)
        parameters = None if rows is None else _faiss.SearchParameters(sel=self._selector(rows))
        rough, candidate = self.faiss_index.search(queries, width, params=parameters)
        score, row = best(exact_scores(self._vectors.__getitem__, queries, candidate), candidate, k)
        slack = _TOLERANCE * self._longest * np.linalg.norm(queries, axis=1)
        # Where the last candidate is as good as the k-th best, products beyond it may be as well.
        crowded = np.flatnonzero(rough[:, -1] >= rough[:, k - 1] - slack) if width < count else np.empty(0, np.int64)
        for place in crowded:
            query = queries[place : place + 1]
            near = np.flatnonzero((self._vectors @ query[0]).astype(np.float32) >= rough[place, k - 1] - slack[place])
            near = (near if rows is None else np.intersect1d(near, rows, assume_unique=True))[None, :]
            score[place : place + 1], row[place : place + 1] = best(exact_scores(self._vectors.__getitem__, query, near), near, k)
        return score, row


def search_copy(vectors: Float32, rows: Int64, k: int) -> SearchBlock:
    """Return what searches some rows exactly, in a copy of their vectors.

    Shapes:
        - vectors: float32 [n, d], those of the rows
        - rows: int64 [n], ascending, at least k
    """
    copy = FlatIndex.build(vectors)

    def search_block(queries: Float32) -> tuple[Float32, Int32]:
        score, place = copy.search(queries, k)
        return score, rows[place].astype(np.int32)

    return search_block
