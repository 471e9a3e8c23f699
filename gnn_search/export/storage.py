"""How the numbers of vectors are kept: as they are, in half the bits, or as whole steps of one scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float32
from gnn_search.export.settings import DtypeName

BLOCK_VECTORS = 16_384
"""Rows looked at or turned at a time."""
_LARGEST = 127


@dataclass(frozen=True)
class Storage:
    """The kind of number, and what one step of it is worth.

    One scale holds for all vectors, so that an inner product of stored vectors, times its square, is near that of the vectors themselves.

    Attributes:
        dtype: Of the stored numbers.
        scale: A stored number times this is the vector's; 1 but for int8.
    """

    dtype: DtypeName = "float32"
    scale: float = 1.0

    @classmethod
    def fit(cls, dtype: DtypeName, tables: Iterable[Float32]) -> Storage:
        """Choose the scale so that the largest number of all vectors takes the last step."""
        if dtype != "int8":
            return cls(dtype)
        blocks = (table[start : start + BLOCK_VECTORS] for table in tables for start in range(0, len(table), BLOCK_VECTORS))
        largest = max((float(np.abs(block).max(initial=0.0)) for block in blocks), default=0.0)
        return cls(dtype, largest / _LARGEST if largest else 1.0)

    @property
    def bytes(self) -> int:
        """Bytes a number."""
        return int(np.dtype(self.dtype).itemsize)

    def encode(self, vectors: Float32) -> npt.NDArray[Any]:
        """Return vectors as they are stored, of this dtype."""
        if self.dtype != "int8":
            return np.asarray(vectors, dtype=self.dtype)
        stored = np.empty(vectors.shape, dtype=np.int8)
        for start in range(0, len(vectors), BLOCK_VECTORS):  # what lies between is four times as large
            part = slice(start, start + BLOCK_VECTORS)
            stored[part] = np.clip(np.rint(vectors[part] / np.float32(self.scale)), -_LARGEST, _LARGEST)
        return stored

    def decode(self, stored: npt.NDArray[Any]) -> Float32:
        """Return stored vectors as float32."""
        return stored.astype(np.float32) * np.float32(self.scale) if self.dtype == "int8" else np.asarray(stored, dtype=np.float32)
