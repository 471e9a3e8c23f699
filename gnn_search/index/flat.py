"""The exact index: every query meets every product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
# isort: off
import torch  # noqa: F401
import faiss
# isort: on

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import ArtefactError
from gnn_search.graph.csr import Float32, Int32, Int64
from gnn_search.index.allowed import allowed_rows
from gnn_search.index.faiss_parameters import search_parameters, selector
from gnn_search.index.folder import read_folder, write_folder
from gnn_search.index.product_index import Allowed, check_k
from gnn_search.index.scoring import EMPTY, best, exact_scores, pair_scores, search_in_blocks
from gnn_search.index.settings import IndexSettings
from gnn_search.index.shop_ids import add_ids, clear_ids, find_rows, present_rows

Float64 = npt.NDArray[np.float64]

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


class FlatIndex:
    """Exact inner-product search over all products.

    FAISS finds the candidates in float32; their scores are computed again as `scoring` says.

    Args:
        index: The FAISS index.
        ids: The shop's id of each row, where known; null for a removed product.
        origin: Where the vectors come from, as entries of the manifest.
    """

    def __init__(self, index: faiss.IndexFlatIP, ids: pl.Series | None = None, origin: Mapping[str, Any] | None = None) -> None:
        self._index, self._origin = index, origin or {}
        self.ids = ids
        self._present = present_rows(ids)
        self._look()

    @classmethod
    def build(cls, vectors: Float32, ids: pl.Series | None = None) -> FlatIndex:
        """Index vectors.

        Shapes:
            vectors: float32 [n, d]; ids: n.
        """
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index, ids)

    @property
    def count(self) -> int:
        return int(self._index.ntotal if self._present is None else self._present.sum())

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    def check_k(self, k: int) -> None:
        """Refuse a list that can't be filled.

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue.
        """
        check_k(k, self.count)

    def search(self, queries: Float32, k: int, allowed: Allowed | None = None) -> tuple[Float32, Int32]:
        """Find each query's products with the largest inner products, as `ProductIndex` says, and exactly so.

        Works in blocks, so memory does not grow with the queries beyond the result.

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue, or `allowed` names rows that are not there.
        """
        self.check_k(k)
        rows = allowed_rows(allowed, self._present, len(self._vectors))
        if rows is None:
            return search_in_blocks(queries, k, np.arange(k), lambda block: self._search_block(block, k, None))
        if len(rows) * _SMALL_SHARE <= len(self._vectors) or len(queries) >= _MANY_QUERIES:
            return search_rows(lambda wanted: self._vectors[wanted], rows, queries, k)
        return search_in_blocks(queries, k, rows[:k], lambda block: self._search_block(block, k, rows))

    def similarity(self, queries: Float32, query: Int64, row: Int32) -> Float64:
        """Return the inner products of given pairs.

        Shapes:
            queries: float32 [m, d]; query: int64 [pairs], which of them; row: int32 [pairs]. Returns float64 [pairs].
        """
        return pair_scores(self._vectors, queries, query, row)

    def add(self, ids: pl.Series, vectors: Float32) -> None:
        """Add products, in rows behind all others.

        Shapes:
            ids: n; vectors: float32 [n, d].

        Raises:
            RequestError: An id is null, stands twice or is there already, or vectors and ids do not match.
        """
        joined = add_ids(self.ids, ids, vectors, self.dimension)
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        self.ids, self._present = joined, present_rows(joined)
        self._look()

    def remove(self, ids: pl.Series) -> None:
        """Make products unfindable. Their rows stay empty and their vectors in memory until the index is made again.

        Raises:
            RequestError: An id is not there or stands twice.
        """
        self.ids = clear_ids(self.ids, find_rows(self.ids, ids))
        self._present = present_rows(self.ids)

    def save(self, folder: Path, ids: pl.Series | None = None, extra: Mapping[str, Any] | None = None, *, replace: bool = False) -> None:
        """Write the index as `write_folder` says.

        Args:
            folder: Made whole or not at all.
            ids: The shop's id of each row, where the index was made without.
            extra: Further entries of the manifest, or others in the place of those that it was opened with.
            replace: Put it in the place of an old one.

        Raises:
            OutputExistsError: `folder` exists and `replace` is false.
        """
        known = self.ids if ids is None else ids
        assert known is not None
        settings = IndexSettings(kind="flat").resolve(len(self._vectors), self.dimension)
        write_folder(folder, self._index, settings, known, None, {**self._origin, **(extra or {})}, replace=replace)

    @classmethod
    def open(cls, folder: Path) -> FlatIndex:
        """Open a saved index with its ids.

        Raises:
            ArtefactError: The folder is no index, is damaged or half-written, is of another version, or holds an index of another kind.
        """
        manifest, index, ids, _ = read_folder(folder)
        if not isinstance(index, faiss.IndexFlatIP):
            raise ArtefactError(f"the index {folder} is of kind {manifest.kind}, expected a flat one; give another folder")
        if index.ntotal != len(ids):
            raise ArtefactError(f"the index {folder} is damaged: expected {len(ids)} rows, got {index.ntotal}; make it again")
        return cls(index, ids, manifest.origin)

    def _look(self) -> None:
        """Look at the vectors that FAISS holds, without a copy."""
        index = self._index
        self._vectors: Float32 = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d)
        self._longest = float(np.sqrt(np.max(np.einsum("nd,nd->n", self._vectors, self._vectors), initial=0.0)))

    def _search_block(self, queries: Float32, k: int, rows: Int64 | None) -> tuple[Float32, Int32]:
        count = len(self._vectors) if rows is None else len(rows)
        width = min(k + _SPARE, count)
        parameters = None if rows is None else search_parameters(self._index, selector(rows, len(self._vectors)))
        rough, candidate = self._index.search(queries, width, params=parameters)
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


def search_rows(gather: Callable[[Int64], Float32], rows: Int64, queries: Float32, k: int) -> tuple[Float32, Int32]:
    """Search some rows exactly, from a copy of their vectors.

    Args:
        gather: Returns the vectors of rows.
        rows: Ascending; may be fewer than k.
        queries: What is asked.
        k: Length of the lists.

    Shapes:
        rows: int64 [n]; queries: float32 [m, d]. Returns score float32 [m, k] and row int32 [m, k].
    """
    score = np.full((len(queries), k), -np.inf, dtype=np.float32)
    row = np.full((len(queries), k), EMPTY, dtype=np.int32)
    filled = min(k, len(rows))
    if filled:
        found, place = FlatIndex.build(gather(rows)).search(queries, filled)
        score[:, :filled], row[:, :filled] = found, rows[place]
    return score, row
