"""Whole vectors for re-ranking candidates, in memory or memory-mapped from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float32, Int64, mapped_array, open_array

Precision = Literal["float32", "float16", "int8"]
_BLOCK = 65_536
"""Rows that are converted at a time."""
_LARGEST = 127


@dataclass(frozen=True)
class FullVectors:
    """One vector a row, as float32, float16 or int8.

    An int8 vector is scaled so that its largest number becomes 127; `scale` brings it back. Vectors that were added after the index was
    built are kept in memory, behind those of the file.

    Shapes:
        - values: float32, float16 or int8 [n, d]
        - scale: float32 [n], for int8 alone
        - added: those added later; None for none
    """

    values: npt.NDArray[Any]
    scale: Float32 | None = None
    added: FullVectors | None = None

    @classmethod
    def encode(cls, vectors: Float32, precision: Precision, file: Path | None = None, block: int = _BLOCK) -> FullVectors:
        """Convert vectors a block at a time, into a `.npy` file that stays mapped, or in memory, where float32 is not copied.

        Shapes:
            - vectors: float32 [n, d], may be memory-mapped
        """
        dtype = np.dtype(precision)
        if file is None and vectors.dtype == dtype:
            return cls(vectors)
        values: npt.NDArray[Any] = np.empty(vectors.shape, dtype) if file is None else mapped_array(file, dtype, vectors.shape)
        scale = np.ones(len(vectors), dtype=np.float32) if precision == "int8" else None
        for start in range(0, len(vectors), block):
            rows = slice(start, start + block)
            part = np.asarray(vectors[rows], dtype=np.float32)
            if scale is not None:
                largest = np.abs(part).max(axis=1)
                scale[rows] = np.where(largest > 0, largest / _LARGEST, 1)
                part = np.rint(part / scale[rows, None])
            values[rows] = part
        if isinstance(values, np.memmap):
            values.flush()
        return cls(values, scale)

    @classmethod
    def open(cls, file: Path, scale_file: Path, shape: tuple[int, int], precision: Precision, again: str, *, mapped: bool) -> FullVectors:
        """Open what `write` wrote, mapped or read into memory.

        Raises:
            ArtefactError: The files are damaged, or hold something other than was expected.
        """
        values = open_array(file, again, precision, shape, "r" if mapped else None)
        scale = open_array(scale_file, again, np.float32, shape[:1], None) if precision == "int8" else None
        return cls(np.asarray(values), scale)

    def __len__(self) -> int:
        return len(self.values) + (0 if self.added is None else len(self.added))

    @property
    def precision(self) -> str:
        return str(self.values.dtype)

    @property
    def bytes_each(self) -> int:
        return int(self.values.shape[1] * self.values.dtype.itemsize + (0 if self.scale is None else self.scale.itemsize))

    def gather(self, rows: Int64) -> Float32:
        """Return the vectors of rows: float32 [..., d] for rows int64 [...]."""
        if self.added is None:
            return self._own(rows)
        own = len(self.values)
        later = rows >= own
        vectors = self._own(np.where(later, 0, rows)) if own else np.empty((*rows.shape, self.values.shape[1]), dtype=np.float32)
        vectors = np.array(vectors)
        vectors[later] = self.added.gather(rows[later] - own)
        return vectors

    def extend(self, vectors: Float32) -> FullVectors:
        """Return these vectors with further ones, kept in memory, behind them."""
        behind = vectors
        if self.added is not None:
            behind = np.concatenate([self.added.gather(np.arange(len(self.added))), vectors])
        precision: Any = self.precision
        return FullVectors(self.values, self.scale, FullVectors.encode(behind, precision))

    def write(self, file: Path, scale_file: Path) -> None:
        """Write the numbers, and the scales where there are any."""
        values: Any = mapped_array(file, self.values.dtype, (len(self), self.values.shape[1]))
        own = len(self.values)
        for start in range(0, own, _BLOCK):
            end = min(start + _BLOCK, own)
            values[start:end] = self.values[start:end]
        if self.added is not None:
            values[own:] = self.added.values
        values.flush()
        if self.scale is not None:
            added = [] if self.added is None or self.added.scale is None else [self.added.scale]
            np.save(scale_file, np.concatenate([self.scale, *added]))

    def _own(self, rows: Int64) -> Float32:
        found = np.asarray(self.values[rows], dtype=np.float32)
        return found if self.scale is None else found * self.scale[rows][..., None]
