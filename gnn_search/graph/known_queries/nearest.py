"""The nearest known queries by meaning."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float32, Int64

# FAISS's type hints do not know its keyword arguments.
_faiss: Any = faiss

_EXACT = 8_192
"""Vectors up to which all are looked at."""
_LOOKED_INTO = 8
"""Lists that are looked into of an approximate index."""
_A_LIST = 40
"""Vectors a list that the lists are learned from."""


class NearestVectors:
    """Vectors and a FAISS index of them: exact for few, in inverted lists of 8-bit numbers for many.

    Shapes:
        - vectors: float32 [n, d], unit length, or zero for one that is never found
    """

    def __init__(self, vectors: Float32) -> None:
        self._vectors: npt.NDArray[np.float16] = vectors.astype(np.float16)
        self._number = np.flatnonzero(vectors.any(axis=1))
        kept = vectors if len(self._number) == len(vectors) else vectors[self._number]
        width = vectors.shape[1]
        if len(kept) <= _EXACT:
            self._index: Any = _faiss.IndexFlatIP(width)
        else:
            lists = int(2 * len(kept) ** 0.5)
            kind, inner = _faiss.ScalarQuantizer.QT_8bit, _faiss.METRIC_INNER_PRODUCT
            self._quantizer = _faiss.IndexFlatIP(width)
            self._index = _faiss.IndexIVFScalarQuantizer(self._quantizer, width, lists, kind, inner)
            self._index.cp.max_points_per_centroid, self._index.cp.niter = _A_LIST, 8
            self._index.train(kept)
            self._index.nprobe = _LOOKED_INTO
        if len(kept):
            self._index.add(kept)

    def search(self, vectors: Float32, most: int) -> tuple[Int64, Int64]:
        """Return the nearest of each of some vectors: its place, int64 [found], and theirs, int64 [found].

        Shapes:
            - vectors: float32 [m, d]; a zero one is near to none
        """
        rows = np.flatnonzero(vectors.any(axis=1))
        if not len(rows) or not len(self._number):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        found = self._index.search(np.ascontiguousarray(vectors[rows]), min(most, len(self._number)))[1]
        row, place = np.nonzero(found >= 0)
        return rows[row], self._number[found[row, place]]

    def cosine(self, vectors: Float32, row: Int64, place: Int64) -> Float32:
        """Return the cosine of some pairs, to three digits.

        Shapes:
            - vectors: float32 [m, d]
            - row, place: int64 [n], of `vectors` and of those of the index
            - returns: float32 [n]
        """
        return np.asarray(np.einsum("nd,nd->n", vectors[row], self._vectors[place].astype(np.float32))).round(3)
