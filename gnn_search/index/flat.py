"""The exact index: every query meets every product."""

from __future__ import annotations

from collections.abc import Mapping
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
from gnn_search.layout import FORMAT_VERSION, hash_files, read_json, staged, write_json

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

KIND = "flat"
METRIC = "inner_product"

_BLOCK = 4096
"""Queries that FAISS meets at a time; its threads wait for each other less often when these are many."""
_STEP = 512
"""Queries whose candidates' scores are computed again at a time."""
_PAIRS = 65_536
"""Pairs whose inner products are computed at a time."""
_SPARE = 32
"""Candidates beyond k whose scores are computed again."""
_TOLERANCE = 1e-5
"""Twice the largest error of a float32 inner product of unit vectors."""
_FILES = ("index.faiss", "ids.parquet")
_MANIFEST = "index.json"

# Queries times dimension. By default FAISS multiplies matrices from a thousand queries on only, and is five times as slow below.
faiss.cvar.distance_compute_blas_threshold = 20 * 128

class FlatIndex:
    """Exact inner-product search over all products.

    FAISS finds the candidates in float32. Their scores are computed again in float64 and rounded to float32, so that a request's list does
    not depend on the others in the call or on how a matrix product is split, and equal scores stand in the order of the rows.

    Args:
        index: The FAISS index.
        ids: The shop's id of each row, where known.
    """

    def __init__(self, index: faiss.IndexFlatIP, ids: pl.Series | None = None) -> None:
        self._index = index
        self.ids = ids
        # A view of what FAISS holds, not a copy.
        self._vectors: Float32 = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d)
        self._longest = float(np.sqrt(np.max(np.einsum("nd,nd->n", self._vectors, self._vectors), initial=0.0)))

    @classmethod
    def build(cls, vectors: Float32) -> FlatIndex:
        """Index vectors.

        Shapes:
            vectors: float32 [n, d].
        """
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    @property
    def count(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    def check_k(self, k: int) -> None:
        """Refuse a list that can't be filled.

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue.
        """
        if k < 1:
            raise RequestError(f"k is {k}; give the number of products wanted, at least 1")
        if k > self.count:
            raise RequestError(f"k is {k}, larger than the catalogue of {self.count} products; give at most {self.count}")

    def search(self, queries: Float32, k: int) -> tuple[Float32, Int32]:
        """Find each query's products with the largest inner products, best first, ties by the lower row.

        Works in blocks, so memory does not grow with the queries beyond the result.

        Shapes:
            queries: float32 [m, d]. Returns score float32 [m, k] and row int32 [m, k].

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue.
        """
        self.check_k(k)
        asked = np.ascontiguousarray(queries, dtype=np.float32)
        score = np.zeros((len(asked), k), dtype=np.float32)
        # A zero vector scores 0 with every product: the first rows.
        row = np.tile(np.arange(k, dtype=np.int32), (len(asked), 1))
        real = np.flatnonzero(asked.any(axis=1))
        for start in range(0, len(real), _BLOCK):
            block = real[start : start + _BLOCK]
            score[block], row[block] = self._search_block(asked[block], k)
        return score, row

    def similarity(self, queries: Float32, query: Int64, row: Int32) -> Float64:
        """Return the inner products of given pairs.

        Shapes:
            queries: float32 [m, d]; query: int64 [pairs], which of them; row: int32 [pairs]. Returns float64 [pairs].
        """
        scores = np.empty(len(row), dtype=np.float64)
        for start in range(0, len(row), _PAIRS):
            part = slice(start, start + _PAIRS)
            scores[part] = np.einsum("nd,nd->n", queries[query[part]], self._vectors[row[part]], dtype=np.float64)
        return scores

    def save(self, folder: Path, ids: pl.Series, extra: Mapping[str, Any] | None = None) -> None:
        """Write the FAISS file, the ids of its rows, and a manifest.

        Args:
            folder: Made whole or not at all.
            ids: The shop's id of each row.
            extra: Further entries of the manifest.

        Raises:
            OutputExistsError: `folder` exists.
        """
        with staged(folder) as partial:
            partial.mkdir()
            faiss.write_index(self._index, str(partial / _FILES[0]))
            ids.to_frame().write_parquet(partial / _FILES[1])
            manifest = {
                **(extra or {}),
                "format_version": FORMAT_VERSION,
                "kind": KIND,
                "metric": METRIC,
                "dimension": self.dimension,
                "count": self.count,
                "id_column": ids.name,
                "hash": hash_files(partial / name for name in _FILES),
            }
            write_json(partial / _MANIFEST, manifest)

    @classmethod
    def open(cls, folder: Path) -> FlatIndex:
        """Open a saved index with its ids.

        Raises:
            ArtefactError: The folder is no index, is damaged or half-written, or is of another version.
        """
        manifest = read_json(folder / _MANIFEST, "an index folder")
        version = manifest.get("format_version")
        if version != FORMAT_VERSION:
            raise ArtefactError(
                f"{folder / _MANIFEST} is of format version {version}, this program reads {FORMAT_VERSION}; export the model again"
            )
        files = [folder / name for name in _FILES]
        for file in files:
            if not file.is_file():
                raise ArtefactError(f"the index {folder} is damaged: {file.name} is missing; export the model again")
        if hash_files(files) != manifest.get("hash"):
            raise ArtefactError(f"the index {folder} is damaged: its files differ from those that were written; export the model again")
        try:
            index = faiss.read_index(str(files[0]))
            ids = pl.read_parquet(files[1]).to_series()
        except (RuntimeError, pl.exceptions.PolarsError) as error:
            raise ArtefactError(f"the index {folder} is damaged ({error}); export the model again") from None
        if not isinstance(index, faiss.IndexFlatIP) or index.ntotal != len(ids):
            found = f"{type(index).__name__} of {index.ntotal}"
            raise ArtefactError(f"the index {folder} is damaged: expected a flat index of {len(ids)} rows, got {found}; export again")
        return cls(index, ids)

    def _search_block(self, queries: Float32, k: int) -> tuple[Float32, Int32]:
        width = min(k + _SPARE, self.count)
        rough, candidate = self._index.search(queries, width)
        score, row = _best(self._exact(queries, candidate), candidate, k)
        slack = _TOLERANCE * self._longest * np.linalg.norm(queries, axis=1)
        # Where the last candidate is as good as the k-th best, products beyond it may be as well.
        crowded = np.flatnonzero(rough[:, -1] >= rough[:, k - 1] - slack) if width < self.count else np.empty(0, np.int64)
        for place in crowded:
            query = queries[place : place + 1]
            all_scores = (self._vectors @ query[0]).astype(np.float32)
            near = np.flatnonzero(all_scores >= rough[place, k - 1] - slack[place])[None, :]
            score[place : place + 1], row[place : place + 1] = _best(self._exact(query, near), near, k)
        return score, row

    def _exact(self, queries: Float32, candidate: Int64) -> Float32:
        """Return the inner products with each query's candidates: float32 [m, width]."""
        scores = np.empty(candidate.shape, dtype=np.float32)
        for start in range(0, len(queries), _STEP):
            part = slice(start, start + _STEP)
            # einsum widens as it goes; a float64 copy of the candidates would cost more than the products.
            scores[part] = np.einsum("mwd,md->mw", self._vectors[candidate[part]], queries[part], dtype=np.float64)
        return scores


def _best(score: Float32, row: Int64, k: int) -> tuple[Float32, Int32]:
    """Return the k best candidates of each query, by falling score, then by row."""
    order = np.lexsort((row, -score), axis=1)[:, :k]
    return np.take_along_axis(score, order, axis=1), np.take_along_axis(row, order, axis=1).astype(np.int32)
