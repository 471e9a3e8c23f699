"""Ragged lists as tensors, and the sums over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from gnn_search.graph.csr import expand_ranges


@dataclass(frozen=True)
class Ragged:
    """Weighted lists of rows of a table.

    Shapes:
        index: int64 [entries]; offsets: int64 [lists]; weight: float32 [entries].
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
            table: [rows, d]. Returns [lists, d].
        """
        if not len(self.index):
            return table.new_zeros((len(self.offsets), table.shape[1]))
        return functional.embedding_bag(self.index, table, self.offsets, mode="sum", per_sample_weights=self.weight.to(table.dtype))
