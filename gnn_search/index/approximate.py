"""Indices that look at a part of the products, or at codes of them, and re-rank what they find by whole vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
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

from gnn_search.errors import ArtefactError, RequestError
from gnn_search.graph.csr import Float32, Int32, Int64
from gnn_search.index.allowed import allowed_rows
from gnn_search.index.faiss_parameters import search_parameters, selector
from gnn_search.index.flat import search_rows
from gnn_search.index.folder import AGAIN, read_folder, write_folder
from gnn_search.index.full_vectors import FullVectors
from gnn_search.index.product_index import Allowed, check_k
from gnn_search.index.scoring import best, exact_scores, search_in_blocks
from gnn_search.index.settings import IndexSettings
from gnn_search.index.shop_ids import add_ids, clear_ids, find_rows, present_rows
from gnn_search.index.train import make_faiss_index

_FEW = 4096
"""Allowed rows that are always searched exactly, where whole vectors are at hand."""
_FEWEST_CANDIDATES = 200
"""Candidates that are re-ranked for a short list too, as codes tell near products apart only roughly."""


class ApproximateIndex:
    """Inner-product search in a FAISS index, with candidates re-ranked by whole vectors where these are kept.

    A filter makes the search look further, in inverse proportion to the share of products that it leaves; where few are left, these are
    searched exactly.

    Args:
        index: The FAISS index, its rows numbered as they came in.
        settings: Resolved.
        full: Whole vectors for re-ranking.
        ids: The shop's id of each row, where known; null for a removed product.
        origin: Where the vectors come from, as entries of the manifest.
    """

    def __init__(
        self,
        index: faiss.Index,
        settings: IndexSettings,
        full: FullVectors | None = None,
        ids: pl.Series | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        self._index, self.settings, self.full, self._origin = index, settings, full, origin or {}
        self._inverted = faiss.try_extract_index_ivf(index)
        self._take_ids(ids)

    @classmethod
    def build(
        cls,
        vectors: Float32,
        settings: IndexSettings,
        ids: pl.Series | None = None,
        scratch: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> ApproximateIndex:
        """Index vectors, a block at a time.

        Args:
            vectors: Row i becomes row i; may be memory-mapped.
            settings: How; need not be resolved.
            ids: The shop's id of each row.
            scratch: Folder for whole vectors that do not stay in memory; None keeps them there.
            progress: Called with the rows added and all rows.

        Shapes:
            vectors: float32 [n, d]; ids: n.

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
    def count(self) -> int:
        return self._rows if self._present is None else int(self._present.sum())

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of what FAISS holds, as it would be written."""
        return int(faiss.serialize_index(self._index).nbytes)

    def search(self, queries: Float32, k: int, allowed: Allowed | None = None) -> tuple[Float32, Int32]:
        """Find products with large inner products, as `ProductIndex` says; some of the largest may be missed.

        Scores of re-ranked products are those of the whole vectors as they are kept; without whole vectors they are FAISS's own.

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue, `allowed` names rows that are not there, or FAISS can't filter.
        """
        check_k(k, self.count)
        rows = self._rows_left() if allowed is None else allowed_rows(allowed, self._present, self._rows)
        whole = self._whole()
        if rows is not None and whole is not None and self._is_few(len(rows), k):
            return search_rows(whole.gather, rows, queries, k)
        found_first = self._there if rows is None else rows
        first = np.arange(k) if found_first is None else found_first[:k]
        return search_in_blocks(queries, k, first, lambda block: self._search_block(block, k, rows))

    def with_settings(self, settings: IndexSettings, full: FullVectors | None = None) -> ApproximateIndex:
        """Return the same FAISS index, not copied, to be searched in another way.

        Args:
            settings: Resolved, and the same in all that the FAISS index was made with.
            full: Whole vectors for re-ranking; None for none.
        """
        return ApproximateIndex(self._index, settings, full, self.ids, self._origin)

    def add(self, ids: pl.Series, vectors: Float32) -> None:
        """Add products, in rows behind all others; lists and codes stay as they were learned.

        Shapes:
            ids: n; vectors: float32 [n, d].

        Raises:
            RequestError: An id is null, stands twice or is there already, or vectors and ids do not match.
        """
        joined = add_ids(self.ids, ids, vectors, self.dimension)
        new = np.ascontiguousarray(vectors, dtype=np.float32)
        if self._forgets:
            # After a removal FAISS would number new rows by what is left.
            self._index.add_with_ids(new, np.arange(self._rows, len(joined)))
        else:
            self._index.add(new)
        if self.full is not None:
            self.full = self.full.extend(new)
        self._take_ids(joined)

    def remove(self, ids: pl.Series) -> None:
        """Make products unfindable; their rows stay empty.

        ivf_flat and ivf_sq8 forget them. An HNSW graph can't, as other products are reached through them, and neither can codes that lie
        in blocks or in the order of the rows: there every search skips them, and their memory is free only when the index is made again.

        Raises:
            RequestError: An id is not there or stands twice.
        """
        rows = find_rows(self.ids, ids)
        if self._forgets:
            self._index.remove_ids(selector(rows, self._rows))
        self._take_ids(clear_ids(self.ids, rows))

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
        write_folder(folder, self._index, self.settings, known, self.full, {**self._origin, **(extra or {})}, replace=replace)

    @classmethod
    def open(cls, folder: Path) -> ApproximateIndex:
        """Open a saved index with its ids.

        Raises:
            ArtefactError: The folder is no index, is damaged or half-written, or is of another version.
        """
        manifest, index, ids, full = read_folder(folder)
        opened = cls(index, manifest.settings, full, ids, manifest.origin)
        expected = manifest.count if opened._forgets else manifest.rows
        if index.ntotal != expected:
            raise ArtefactError(f"the index {folder} is damaged: expected {expected} rows, got {index.ntotal}; {AGAIN}")
        return opened

    def _take_ids(self, ids: pl.Series | None) -> None:
        self.ids = ids
        self._rows = int(self._index.ntotal) if ids is None else len(ids)
        self._present = present_rows(ids)
        self._there = None if self._present is None else np.flatnonzero(self._present)
        self._skip_removed = None if self._there is None else selector(self._there, self._rows)

    def _rows_left(self) -> Int64 | None:
        """Return the rows that still hold a product, where FAISS does not know of removals; None where all it holds may be found."""
        return None if self._forgets else self._there

    @property
    def _forgets(self) -> bool:
        """Whether FAISS removes rows and leaves the numbers of the others: inverted files do.

        Not those of 4-bit codes, where FAISS 1.15 mixes what is added later with what is left of removed codes.
        """
        return isinstance(self._index, faiss.IndexIVF) and not isinstance(self._index, faiss.IndexIVFFastScan)

    def _whole(self) -> FullVectors | None:
        """Return whole vectors, for re-ranking or out of an HNSW graph, which holds them anyway."""
        if self.full is None and isinstance(self._index, faiss.IndexHNSWFlat):
            storage: Any = faiss.downcast_index(self._index.storage)
            return FullVectors(faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * storage.d).reshape(storage.ntotal, storage.d))
        return self.full

    def _is_few(self, allowed: int, k: int) -> bool:
        """Tell whether an exact search of the allowed rows meets no more of them than an approximate one would."""
        if allowed <= max(_FEW, 2 * k * self.settings.candidates):
            return True
        if self._inverted is not None:
            assert self.settings.nprobe is not None
            return bool(allowed * self._inverted.nlist <= self.count * self.settings.nprobe)
        if isinstance(self._index, faiss.IndexHNSW):
            return allowed <= self.settings.hnsw_m * self._ef_search(allowed)
        return False

    def _nprobe(self, allowed: int) -> int:
        assert self.settings.nprobe is not None
        most = self.settings.nprobe if self._inverted is None else int(self._inverted.nlist)
        return min(most, ceil(self.settings.nprobe * self.count / max(1, allowed)))

    def _ef_search(self, allowed: int) -> int:
        return ceil(self.settings.ef_search * self.count / max(1, allowed))

    def _search_block(self, queries: Float32, k: int, rows: Int64 | None) -> tuple[Float32, Int32]:
        allowed = self.count if rows is None else len(rows)
        width = min(k if self.full is None else max(_FEWEST_CANDIDATES, k * self.settings.candidates), allowed)
        rough, candidate = self._find(queries, max(1, width), rows, self._nprobe(allowed), self._ef_search(allowed))
        if rows is not None and allowed:
            self._look_everywhere(queries, rows, rough, candidate, np.asarray((candidate < 0).any(axis=1)))
        elif self._inverted is not None:
            # The lists looked into may hold fewer products than were asked for.
            found = np.count_nonzero(candidate >= 0, axis=1)
            self._look_everywhere(queries, None, rough, candidate, np.asarray(found < min(k, allowed), dtype=np.bool_))
        if self.full is None:
            return best(np.where(candidate < 0, -np.inf, rough).astype(np.float32), candidate, k)
        return best(exact_scores(self.full.gather, queries, candidate), candidate, k)

    def _look_everywhere(
        self, queries: Float32, rows: Int64 | None, rough: Float32, candidate: Int64, lacks: npt.NDArray[np.bool_]
    ) -> None:
        """Find, in place, the candidates of queries that got too few: those whose products lie where they did not look."""
        lacking = np.flatnonzero(lacks)
        if not len(lacking):
            return
        whole, width = self._whole(), candidate.shape[1]
        if self._inverted is not None:
            rough[lacking], candidate[lacking] = self._find(queries[lacking], width, rows, int(self._inverted.nlist), 1)
        elif whole is not None and rows is not None:
            rough[lacking], candidate[lacking] = search_rows(whole.gather, rows, queries[lacking], width)

    def _find(self, queries: Float32, width: int, rows: Int64 | None, nprobe: int, ef_search: int) -> tuple[Float32, Int64]:
        chosen = None if rows is None else self._skip_removed if rows is self._there else selector(rows, self._rows)
        try:
            score, row = self._index.search(queries, width, params=search_parameters(self._index, chosen, nprobe, ef_search))
        except RuntimeError:
            if chosen is None:
                raise
            raise RequestError(
                f"FAISS can't skip products in an index {self.settings.description()}; keep whole vectors beside it, or take another kind"
            ) from None
        return score, row
