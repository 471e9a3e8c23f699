"""Indices that read a part of the products, or codes of them, and re-rank what they find by whole vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Float32, Int32, Int64
from gnn_search.errors import RequestError
from gnn_search.index.base import ProductIndex, SearchBlock, best, exact_scores
from gnn_search.index.flat import search_copy
from gnn_search.index.full_vectors import FullVectors
from gnn_search.index.settings import IndexSettings

# FAISS's type hints know neither its keyword arguments nor all of its classes.
_faiss: Any = faiss

_FEW = 4096
"""Allowed rows that are always searched exactly, where whole vectors are at hand."""
_FEWEST_CANDIDATES = 200
"""Candidates that are re-ranked for a short list too, as codes tell near products apart only roughly."""
_BLOCK = 65_536
"""Rows that FAISS is given at a time."""
_ROWS_A_LIST = 39
"""Rows of the sample for each list, as many as k-means wants; it gains little by more."""
_FEWEST_ROWS = 65_536
"""Rows of the sample where there are few lists, for the codes."""


class ApproximateIndex(ProductIndex):
    """Inner-product search in a FAISS index, with candidates re-ranked by whole vectors where these are kept.

    Some of the nearest products may be missed. Scores of re-ranked products are those of the whole vectors as they are kept; without whole
    vectors they are FAISS's own. A filter makes the search look further, in inverse proportion to the share of products that it leaves;
    where few are left, these are searched exactly.

    A removed product's memory is free at once in ivf_flat and ivf_sq8 indices. Elsewhere every search skips it until the next build: an
    HNSW graph reaches others through it, and codes lie in blocks or in the order of the rows.
    """

    @classmethod
    def build(
        cls,
        vectors: Float32,
        settings: IndexSettings,
        ids: pl.Series | None = None,
        scratch: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> ApproximateIndex:
        """Index vectors, a block at a time; settings need not be resolved.

        Whole vectors that do not stay in memory lie in `scratch`. `progress` is called with the rows added and all rows.

        Shapes:
            - vectors: float32 [n, d], row i becomes row i; may be memory-mapped
            - ids: [n], the shop's

        Raises:
            RequestError: FAISS knows no such index, or can't make it of these vectors.
        """
        resolved = settings.resolve(*vectors.shape)
        index = make_faiss_index(vectors, resolved, progress)
        full = None
        if resolved.precision is not None:
            file = scratch / "full.npy" if scratch is not None and resolved.full_in == "disk" else None
            full = FullVectors.encode(vectors, resolved.precision, file)
        return cls(index, resolved, full, ids)

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of what FAISS holds, as it would be written."""
        return int(faiss.serialize_index(self.faiss_index).nbytes)

    @property
    def forgets(self) -> bool:
        """Whether FAISS removes rows itself: inverted files do.

        Not those of 4-bit codes, where FAISS 1.15 mixes what is added later with what is left of removed codes.
        """
        return isinstance(self.faiss_index, faiss.IndexIVF) and not isinstance(self.faiss_index, faiss.IndexIVFFastScan)

    def with_settings(self, settings: IndexSettings, full: FullVectors | None = None) -> ApproximateIndex:
        """Return the same FAISS index, not copied, to be searched with other settings, which could have made it too."""
        return ApproximateIndex(self.faiss_index, settings, full, self.ids, self.origin)

    def _append(self, vectors: Float32) -> None:
        if self.forgets:
            # After a removal FAISS would number new rows by what is left.
            self.faiss_index.add_with_ids(vectors, np.arange(self.rows, self.rows + len(vectors)))
        else:
            super()._append(vectors)
        if self.full is not None:
            self.full = self.full.extend(vectors)

    def _searcher(self, rows: Int64 | None, k: int, queries: int) -> SearchBlock:
        whole = self._whole_vectors()
        if rows is not None and whole is not None and self._is_few(len(rows), k):
            return search_copy(whole.gather(rows), rows, k)
        return partial(self._search_block, k=k, rows=rows)

    @cached_property
    def _inverted(self) -> faiss.IndexIVF | None:
        # A factory may hide an inverted file behind a transformation or a refinement.
        return faiss.try_extract_index_ivf(self.faiss_index)

    def _whole_vectors(self) -> FullVectors | None:
        """Return whole vectors, for re-ranking or out of an HNSW graph, which holds them anyway."""
        if self.full is None and isinstance(self.faiss_index, faiss.IndexHNSWFlat):
            storage: Any = faiss.downcast_index(self.faiss_index.storage)
            return FullVectors(faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * storage.d).reshape(storage.ntotal, storage.d))
        return self.full

    def _is_few(self, allowed: int, k: int) -> bool:
        """Tell whether an exact search of the allowed rows meets no more of them than an approximate one would."""
        if allowed <= max(_FEW, 2 * k * self.settings.candidates):
            return True
        inverted = self._inverted
        if inverted is not None:
            assert self.settings.nprobe is not None
            return bool(allowed * inverted.nlist <= self.count * self.settings.nprobe)
        if isinstance(self.faiss_index, faiss.IndexHNSW):
            return allowed <= self.settings.hnsw_m * self._ef_search(allowed)
        return False

    def _nprobe(self, allowed: int) -> int:
        assert self.settings.nprobe is not None
        inverted = self._inverted
        most = self.settings.nprobe if inverted is None else int(inverted.nlist)
        return min(most, ceil(self.settings.nprobe * self.count / allowed))

    def _ef_search(self, allowed: int) -> int:
        return ceil(self.settings.ef_search * self.count / allowed)

    def _search_block(self, queries: Float32, k: int, rows: Int64 | None) -> tuple[Float32, Int32]:
        allowed = self.count if rows is None else len(rows)
        width = min(k if self.full is None else max(_FEWEST_CANDIDATES, k * self.settings.candidates), allowed)
        rough, candidate = self._find(queries, width, rows, self._nprobe(allowed), self._ef_search(allowed))
        if rows is not None:
            self._search_everywhere(queries, rows, rough, candidate, np.asarray((candidate < 0).any(axis=1)))
        elif self._inverted is not None:
            # The lists that were read may hold fewer products than are wanted.
            found = np.count_nonzero(candidate >= 0, axis=1)
            self._search_everywhere(queries, None, rough, candidate, np.asarray(found < k, dtype=np.bool_))
        if self.full is None:
            return best(np.where(candidate < 0, -np.inf, rough).astype(np.float32), candidate, k)
        return best(exact_scores(self.full.gather, queries, candidate), candidate, k)

    def _search_everywhere(
        self, queries: Float32, rows: Int64 | None, rough: Float32, candidate: Int64, lacks: npt.NDArray[np.bool_]
    ) -> None:
        """Find, in place, the candidates of queries that got too few: those whose products lie where they did not look."""
        lacking = np.flatnonzero(lacks)
        if not len(lacking):
            return
        inverted, whole, width = self._inverted, self._whole_vectors(), candidate.shape[1]
        if inverted is not None:
            rough[lacking], candidate[lacking] = self._find(queries[lacking], width, rows, int(inverted.nlist), 1)
        elif whole is not None and rows is not None:
            rough[lacking], candidate[lacking] = search_copy(whole.gather(rows), rows, width)(queries[lacking])

    def _find(self, queries: Float32, width: int, rows: Int64 | None, nprobe: int, ef_search: int) -> tuple[Float32, Int64]:
        selector = None if rows is None else self._selector(rows)
        try:
            score, row = self.faiss_index.search(queries, width, params=search_parameters(self.faiss_index, selector, nprobe, ef_search))
        except RuntimeError:
            if selector is None:
                raise
            raise RequestError(
                f"FAISS can't skip products in an index {self.settings.description()}; keep whole vectors beside it, or take another kind"
            ) from None
        return score, row


def search_parameters(index: faiss.Index, selector: faiss.IDSelector | None, nprobe: int = 1, ef_search: int = 1) -> Any:
    """Return the `faiss.SearchParameters` of a search among selected rows, fitting the types of the index and those inside it."""
    index = faiss.downcast_index(index)
    only = {} if selector is None else {"sel": selector}
    if isinstance(index, faiss.IndexPreTransform):
        return _faiss.SearchParametersPreTransform(index_params=search_parameters(index.index, selector, nprobe, ef_search))
    if isinstance(index, faiss.IndexRefine):
        base = search_parameters(index.base_index, selector, nprobe, ef_search)
        return _faiss.IndexRefineSearchParameters(k_factor=index.k_factor, base_index_params=base)
    if isinstance(index, faiss.IndexIVF):
        coarse = {}
        if isinstance(faiss.downcast_index(index.quantizer), faiss.IndexHNSW):
            # Fewer nodes in view than lists wanted would leave some of these out.
            coarse["quantizer_params"] = _faiss.SearchParametersHNSW(efSearch=max(ef_search, 2 * nprobe))
        return _faiss.SearchParametersIVF(nprobe=nprobe, **coarse, **only)
    if isinstance(index, faiss.IndexHNSW):
        return _faiss.SearchParametersHNSW(efSearch=ef_search, **only)
    return _faiss.SearchParameters(**only)


def make_faiss_index(
    vectors: Float32,
    settings: IndexSettings,
    progress: Callable[[int, int], None] | None = None,
    *,
    block: int = _BLOCK,
    fewest_rows: int = _FEWEST_ROWS,
    rows_a_list: int = _ROWS_A_LIST,
) -> faiss.Index:
    """Train an index of resolved settings on a sample of the vectors, and add them all, a block at a time.

    The sample holds at least `fewest_rows`, and `rows_a_list` for each list of an inverted file.

    Shapes:
        - vectors: float32 [n, d], row i becomes row i of the index; may be memory-mapped

    Raises:
        RequestError: FAISS knows no such index, or can't train it on these vectors.
    """
    index = _describe(vectors.shape[1], settings)
    try:
        if not index.is_trained:
            assert settings.nlist is not None
            index.train(_sample(vectors, max(fewest_rows, rows_a_list * settings.nlist), settings.seed))
        for start in range(0, len(vectors), block):
            index.add(np.ascontiguousarray(vectors[start : start + block], dtype=np.float32))
            if progress is not None:
                progress(min(start + block, len(vectors)), len(vectors))
    except RuntimeError as error:
        raise RequestError(f"FAISS can't make the index {settings.description()} of these vectors ({_reason(error)})") from None
    if index.ntotal != len(vectors):
        raise RequestError(f"FAISS made an index {settings.description()} of {index.ntotal} rows of {len(vectors)} vectors; give another")
    return index


def _describe(dimension: int, settings: IndexSettings) -> faiss.Index:
    try:
        index = faiss.index_factory(dimension, settings.description(), faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise RequestError(f"FAISS knows no index {settings.description()!r} for {dimension} dimensions ({_reason(error)})") from None
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efConstruction = settings.ef_construction
    inverted = faiss.try_extract_index_ivf(index)
    if inverted is not None:
        _prepare_inverted(inverted, settings)
    return index


def _prepare_inverted(inverted: faiss.IndexIVF, settings: IndexSettings) -> None:
    # Of few products each list is learned from few rows; that is as it should be, and FAISS would write a warning to stderr.
    inverted.cp.min_points_per_centroid = 1
    inverted.cp.seed = 1234 + settings.seed
    if isinstance(inverted, faiss.IndexIVFPQFastScan):
        # With inner products the residuals' tables are the same for every list, so the better codes cost nothing.
        inverted.by_residual = True
        inverted.pq.cp.min_points_per_centroid = 1
        inverted.pq.cp.seed = 1234 + settings.seed
    quantizer = faiss.downcast_index(inverted.quantizer)
    if isinstance(quantizer, faiss.IndexHNSW):
        quantizer.hnsw.efConstruction = settings.ef_construction
        # With FAISS's 16 many rows would be put into a list that is not theirs, where no query looks for them.
        quantizer.hnsw.efSearch = 2 * settings.ef_construction


def _sample(vectors: Float32, size: int, seed: int) -> Float32:
    if size >= len(vectors):
        return np.ascontiguousarray(vectors, dtype=np.float32)
    random = np.random.Generator(np.random.Philox(seed))
    rows = np.sort(random.choice(len(vectors), size=size, replace=False))
    return np.ascontiguousarray(vectors[rows], dtype=np.float32)


def _reason(error: RuntimeError) -> str:
    """Return what FAISS says without the place in its source."""
    text = " ".join(str(error).split())
    return text.partition(" at /")[2].partition(": ")[2] or text
