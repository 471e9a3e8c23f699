"""Weighted lists of table rows, ragged or padded to a rectangle, and the sums over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from gnn_search.arrays import expand_ranges

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Ragged:
    """Weighted lists of a table's rows, one after the other.

    Shapes:
        - index: int64 [entries]
        - offsets: int64 [lists], where each list starts
        - weight: float32 [entries]
    """

    index: Tensor
    offsets: Tensor
    weight: Tensor

    @classmethod
    def of(cls, indptr: npt.NDArray[np.int64], index: npt.NDArray[np.integer], weight: npt.NDArray[np.floating] | None = None) -> Ragged:
        """Make tensors of a ragged array; without weights each list is a mean, with them they are scaled to sum to 1."""
        length = np.diff(indptr)
        row = np.repeat(np.arange(len(length)), length)
        if weight is None:
            scaled = 1.0 / np.maximum(length, 1)[row]
        else:
            scaled = weight / np.maximum(np.bincount(row, weights=weight, minlength=len(length)), 1e-30)[row]
        return cls(
            torch.from_numpy(index.astype(np.int64)),
            torch.from_numpy(indptr[:-1].astype(np.int64)),
            torch.from_numpy(scaled.astype(np.float32)),
        )

    @classmethod
    def of_known(cls, indptr: npt.NDArray[np.int64], index: npt.NDArray[np.integer]) -> Ragged:
        """Make tensors of a ragged array whose entries of -1 are left out; each list is a mean."""
        row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        known = index >= 0
        shorter = np.zeros(len(indptr), dtype=np.int64)
        np.cumsum(np.bincount(row[known], minlength=len(indptr) - 1), out=shorter[1:])
        return cls.of(shorter, index[known])

    @classmethod
    def of_rows(cls, indptr: npt.NDArray[np.int64], index: npt.NDArray[np.integer], rows: npt.NDArray[np.integer]) -> Ragged:
        """Make tensors of some rows' lists, each a mean."""
        row, position = expand_ranges(indptr[rows], indptr[np.asarray(rows) + 1])
        picked = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=len(rows)), out=picked[1:])
        return cls.of(picked, index[position])

    def sum(self, table: Tensor) -> Tensor:
        """Return the weighted sum of the table's rows for each list; an empty list gives zeros.

        Shapes:
            - table: [rows, d]
            - returns: [lists, d]
        """
        if not len(self.index):
            return table.new_zeros((len(self.offsets), table.shape[1]))
        return functional.embedding_bag(self.index, table, self.offsets, mode="sum", per_sample_weights=self.weight.to(table.dtype))


@dataclass(frozen=True)
class Padded:
    """Weighted lists of a table's rows as a rectangle; an empty slot has the weight 0.

    Shapes:
        - index: int64 [lists, slots]
        - weight: float32 [lists, slots]
    """

    index: Tensor
    weight: Tensor

    @classmethod
    def of_known(cls, codes: Tensor, *, mean: bool) -> Padded:
        """Sum or average the rows whose codes are not -1.

        Shapes:
            - codes: int64 [lists, slots]
        """
        known = (codes >= 0).float()
        return cls(codes.clamp(min=0), known / known.sum(dim=1, keepdim=True).clamp(min=1) if mean else known)

    def sum(self, table: Tensor) -> Tensor:
        """Return the weighted sum of the table's rows for each list; an empty list gives zeros.

        Shapes:
            - table: float32 [rows, d]
            - returns: float32 [lists, d]
        """
        if not self.index.numel():
            return table.new_zeros((self.index.shape[0], table.shape[1]))
        return functional.embedding_bag(self.index, table, mode="sum", per_sample_weights=self.weight)


@dataclass(frozen=True)
class PaddedVectors:
    """Weighted lists of vectors that are at hand, so no table is read; an empty slot has the weight 0.

    Shapes:
        - vectors: float32 [lists, slots, d]
        - weight: float32 [lists, slots]
    """

    vectors: Tensor
    weight: Tensor

    def sum(self, table: Tensor) -> Tensor:
        """Return the weighted sum of each list, float32 [lists, d]."""
        return torch.bmm(self.weight[:, None, :], self.vectors)[:, 0]


Lists = Ragged | Padded | PaddedVectors
"""What a part of a tower sums over: ragged in training, where it is fastest, and padded in ONNX, which has no ragged arrays."""


def pad(indptr: npt.NDArray[np.int64], values: npt.NDArray[Number], empty: int = 0) -> npt.NDArray[Number]:
    """Lay ragged rows out as a rectangle as wide as the longest.

    Shapes:
        - indptr: int64 [rows + 1]
        - values: [entries, ...]
        - returns: [rows, width, ...]
    """
    length = np.diff(indptr)
    padded = np.full((len(length), int(length.max(initial=0)), *values.shape[1:]), empty, dtype=values.dtype)
    padded[np.arange(padded.shape[1]) < length[:, None]] = values
    return padded
