"""What every index of products offers, exact or approximate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Float32, Float64, Int32, Int64, sorted_unique
from gnn_search.errors import RequestError
from gnn_search.index.full_vectors import FullVectors
from gnn_search.index.settings import IndexSettings

Allowed = npt.NDArray[np.bool_] | npt.NDArray[np.integer]
"""Which rows a search may find: bool [rows], or numbers of rows."""
SearchBlock = Callable[[Float32], tuple[Float32, Int32]]
"""Finds the lists of a block of queries, none of them zero: score and row, [queries, k] each."""
_BLOCK = 4096
"""Queries that FAISS meets at a time; its threads wait for each other less often when these are many."""
_SHOWN = 3
"""Ids that a message names."""

EMPTY = -1
"""Row at a place of a list that stays empty; its score is -inf."""
_PAIRS = 65_536
"""Pairs whose inner products are computed at a time."""
_NUMBERS = 1 << 20
"""Numbers of the candidates' vectors that are gathered at a time."""


class ProductIndex(ABC):
    """Products that are searched by inner product.

    A product's row is its place in the order in which products came in, and stays so: a removed product leaves its row empty.

    Args:
        index: The FAISS index, its rows numbered as they came in.
        settings: With which it was made and is searched.
        full: Whole vectors for re-ranking.
        ids: The shop's id of each row, where known; null for a removed product.
        origin: Where the vectors come from, as entries of the manifest.

    Attributes:
        rows: Rows, also of removed products.
        count: Products that can be found.
    """

    def __init__(
        self,
        index: faiss.Index,
        settings: IndexSettings,
        full: FullVectors | None = None,
        ids: pl.Series | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        self.faiss_index, self.settings, self.full, self.origin = index, settings, full, origin or {}
        self._take_ids(ids)

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return int(self.faiss_index.d)

    @property
    def forgets(self) -> bool:
        """Whether FAISS removes rows itself and leaves the numbers of the others as they are."""
        return False

    def search(self, queries: Float32, k: int, allowed: Allowed | None = None) -> tuple[Float32, Int32]:
        """Find each query's products with the largest inner products, best first, ties by the lower row.

        Works in blocks, so memory does not grow with the queries beyond the result.

        Args:
            queries: The query vectors; a zero vector scores 0 with every product, so it gets the first rows.
            k: Length of the lists.
            allowed: The rows that may be found, in any order; None for all.

        Shapes:
            - queries: float32 [m, d]
            - returns: score float32 and row int32, [m, k] each, or as many columns as rows are allowed where these are fewer; -inf and
              -1 at places that stay empty

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue, `allowed` names rows that are not there, or FAISS can't filter.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        visible = self._visible
        if allowed is not None:
            named = _named_rows(allowed, self.rows)
            if not len(named):
                return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int32)
            k = min(k, len(named))
            visible = named if self._present is None else named[self._present[named]]
        check_k(k, self.count)
        filled = k if visible is None else min(k, len(visible))
        score = np.full((len(queries), k), -np.inf, dtype=np.float32)
        row = np.full((len(queries), k), EMPTY, dtype=np.int32)
        score[:, :filled] = 0
        row[:, :filled] = np.arange(filled) if visible is None else visible[:filled]
        real = np.flatnonzero(queries.any(axis=1))
        if len(real) and filled:
            search_block = self._searcher(None if visible is None or (allowed is None and self.forgets) else visible, filled, len(queries))
            for start in range(0, len(real), _BLOCK):
                block = real[start : start + _BLOCK]
                score[block, :filled], row[block, :filled] = search_block(queries[block])
        return score, row

    def add(self, ids: pl.Series, vectors: Float32) -> None:
        """Add products, in rows behind all others; what an index has learned stays as it is.

        Shapes:
            - ids: [n]
            - vectors: float32 [n, d]

        Raises:
            RequestError: An id is null, stands twice or is there already, or vectors and ids do not match.
        """
        known = self._known_ids()
        if vectors.shape != (len(ids), self.dimension):
            raise RequestError(
                f"expected {len(ids)} vectors of {self.dimension} numbers, one for each id, got an array of shape {vectors.shape}"
            )
        if ids.null_count():
            raise RequestError(f"{ids.null_count()} of the new ids are null; give every product an id")
        new = _as_ids(known, ids)
        there = new.filter(new.is_in(known.drop_nulls().implode()))
        if len(there):
            raise RequestError(f"{len(there)} of {len(ids)} products are in the index already, such as {_some(there)}; remove them first")
        self._append(np.ascontiguousarray(vectors, dtype=np.float32))
        self._take_ids(pl.concat([known, new]))

    def remove(self, ids: pl.Series) -> None:
        """Make products unfindable. Their rows stay empty and, unless FAISS forgets them, their vectors in memory until the next build.

        Raises:
            RequestError: An id is not there or stands twice.
        """
        known = self._known_ids()
        wanted = _as_ids(known, ids).alias("id").to_frame()
        rows = known.alias("id").to_frame().with_row_index("row").filter(pl.col("id").is_not_null())
        found = wanted.join(rows, on="id", how="left", maintain_order="left")
        lost = found.filter(pl.col("row").is_null())["id"]
        if len(lost):
            raise RequestError(f"{len(lost)} of {len(ids)} products are not in the index, such as {_some(lost)}; give ids that it holds")
        gone = found["row"].to_numpy().astype(np.int64)
        if self.forgets:
            self.faiss_index.remove_ids(select_rows(gone, self.rows))
        kept = np.ones(self.rows, dtype=np.bool_)
        kept[gone] = False
        self._take_ids(pl.select(pl.when(pl.lit(pl.Series(kept))).then(pl.lit(known)).alias(known.name)).to_series())

    @abstractmethod
    def _searcher(self, rows: Int64 | None, k: int, queries: int) -> SearchBlock:
        """Return what finds the k best rows of a block of queries, of which there are `queries` in all.

        Shapes:
            - rows: int64 [allowed], ascending, at least k; None for all that FAISS holds
        """

    def _append(self, vectors: Float32) -> None:
        self.faiss_index.add(vectors)

    def _take_ids(self, ids: pl.Series | None) -> None:
        self.ids = ids
        self.rows = int(self.faiss_index.ntotal) if ids is None else len(ids)
        self._present = None if ids is None or not ids.null_count() else ids.is_not_null().to_numpy()
        self._visible = None if self._present is None else np.flatnonzero(self._present)
        self.count = self.rows if self._visible is None else len(self._visible)
        self._skip_removed = None if self._visible is None else select_rows(self._visible, self.rows)

    def _selector(self, rows: Int64) -> Any:
        return self._skip_removed if rows is self._visible else select_rows(rows, self.rows)

    def _known_ids(self) -> pl.Series:
        if self.ids is None:
            raise RequestError("the index was made without the shop's ids, so products can't be told apart; give ids when it is built")
        return self.ids


def check_k(k: int, count: int) -> None:
    """Refuse a list that can't be filled.

    Raises:
        RequestError: `k` is no whole number, below 1 or larger than the catalogue.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise RequestError(f"k is {k!r}; give the number of products wanted as a whole number")
    if k < 1:
        raise RequestError(f"k is {k}; give the number of products wanted, at least 1")
    if k > count:
        raise RequestError(f"k is {k}, larger than the catalogue of {count} products; give at most {count}")


def select_rows(rows: Int64, count: int) -> Any:
    """Return the `faiss.IDSelector` that skips all rows of an index of `count` rows but these.

    Shapes:
        - rows: int64 [allowed]
    """
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    # FAISS's type hints do not know the class.
    faiss_: Any = faiss
    return faiss_.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _named_rows(allowed: Allowed, count: int) -> Int64:
    """Return the rows that a caller allows, ascending and distinct: int64 [rows]."""
    if allowed.dtype == np.bool_:
        if allowed.shape != (count,):
            raise RequestError(f"expected a mask of {count} rows, one for each row of the index, got one of shape {allowed.shape}")
        return np.flatnonzero(allowed)
    rows = sorted_unique(allowed).astype(np.int64)
    if len(rows) and not 0 <= rows[0] <= rows[-1] < count:
        wrong = rows[0] if rows[0] < 0 else rows[-1]
        raise RequestError(f"row {wrong} is allowed, but the index has the rows 0 to {count - 1}; give rows of this index")
    return rows


def _as_ids(known: pl.Series, given: pl.Series) -> pl.Series:
    """Return given ids, each once, in the type of the index's."""
    repeated = given.filter(given.is_duplicated())
    if len(repeated):
        raise RequestError(f"{_some(repeated.unique(maintain_order=True))} stands more than once among the ids; give each product once")
    try:
        return given.cast(known.dtype).alias(known.name)
    except pl.exceptions.PolarsError:
        raise RequestError(f"expected ids of type {known.dtype}, as in the index, got {given.dtype}") from None


def _some(ids: pl.Series) -> str:
    return ", ".join(repr(one) for one in ids.head(_SHOWN).to_list())


def exact_scores(gather: Callable[[Int64], Float32], queries: Float32, candidate: Int64) -> Float32:
    """Return the inner products with each query's candidates.

    Shapes:
        - gather: returns the vectors of rows, float32 [..., d]
        - queries: float32 [m, d]
        - candidate: int64 [m, width]; an empty place scores -inf
        - returns: float32 [m, width]
    """
    scores = np.empty(candidate.shape, dtype=np.float32)
    step = max(1, _NUMBERS // max(1, candidate.shape[1] * queries.shape[1]))
    there = np.maximum(candidate, 0)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        # einsum widens as it goes; a float64 copy of the candidates would cost more than the products.
        scores[part] = np.einsum("mwd,md->mw", gather(there[part]), queries[part], dtype=np.float64)
    scores[candidate < 0] = -np.inf
    return scores


def pair_scores(vectors: Float32, queries: Float32, query: Int64, row: Int32) -> Float64:
    """Return the inner products of given pairs.

    Shapes:
        - vectors: float32 [n, d]
        - queries: float32 [m, d]
        - query: int64 [pairs], which of them
        - row: int32 [pairs]
        - returns: float64 [pairs]
    """
    scores = np.empty(len(row), dtype=np.float64)
    for start in range(0, len(row), _PAIRS):
        part = slice(start, start + _PAIRS)
        scores[part] = np.einsum("nd,nd->n", queries[query[part]], vectors[row[part]], dtype=np.float64)
    return scores


def best(score: Float32, row: Int64, k: int) -> tuple[Float32, Int32]:
    """Return the k best candidates of each query, by falling score, then by row; places beyond the candidates stay empty."""
    order = np.lexsort((row, -score), axis=1)[:, :k]
    places = ((0, 0), (0, k - order.shape[1]))
    return (
        np.pad(np.take_along_axis(score, order, axis=1), places, constant_values=-np.inf),
        np.pad(np.take_along_axis(row, order, axis=1).astype(np.int32), places, constant_values=EMPTY),
    )
