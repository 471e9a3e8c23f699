"""Weighted lists of vectors, ragged or padded: what they add up to, and the layers that are made of such sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Float32, Int64, expand_ranges
from gnn_search.sampling.neighbours import Neighbours

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
        shorter = np.cumsum(np.r_[0, np.bincount(row[known], minlength=len(indptr) - 1)])
        return cls.of(shorter, index[known])

    @classmethod
    def of_rows(cls, indptr: npt.NDArray[np.int64], index: npt.NDArray[np.integer], rows: npt.NDArray[np.integer]) -> Ragged:
        """Make tensors of some rows' lists, each a mean."""
        row, position = expand_ranges(indptr[rows], indptr[np.asarray(rows) + 1])
        picked = np.cumsum(np.r_[0, np.bincount(row, minlength=len(rows))])
        return cls.of(picked, index[position])

    def sum(self, table: Tensor) -> Tensor:
        """Return the weighted sum of the table's rows, [rows, d], for each list: [lists, d], zeros for an empty one."""
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
        """Sum or average the rows whose codes, int64 [lists, slots], are not -1."""
        known = (codes >= 0).float()
        return cls(codes.clamp(min=0), known / known.sum(dim=1, keepdim=True).clamp(min=1) if mean else known)

    def sum(self, table: Tensor) -> Tensor:
        """Return the weighted sum of the table's rows, float32 [rows, d], for each list: float32 [lists, d], zeros for an empty one."""
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


class RowSums:
    """Sums over lists of a large table's rows, with a gradient several times as fast as `embedding_bag`'s on a CPU.

    On the way back each list's gradient goes to its rows by one sort, and all sums of a step share one buffer of the table's size, which
    would else be made and filled with zeros for each of them.
    """

    def __init__(self, table: nn.Parameter) -> None:
        self._table = table
        self._step: tuple[_Buffer, Tensor] | None = None

    def __call__(self, index: Tensor, offsets: Tensor) -> Tensor:
        """Return the plain sum of the rows of each list.

        Shapes:
            - index: int64 [entries]
            - offsets: int64 [lists], where each list starts
            - returns: float32 [lists, d], zeros for an empty one
        """
        table = self._table.detach()
        if not len(index):
            return table.new_zeros((len(offsets), table.shape[1]))
        if not (torch.is_grad_enabled() and self._table.requires_grad):
            return functional.embedding_bag(index, table, offsets, mode="sum")
        if self._step is None or self._step[0].given:
            buffer = _Buffer()
            self._step = buffer, _GiveBuffer.apply(self._table, buffer)  # type: ignore[no-untyped-call]
        return torch.as_tensor(_SumRows.apply(self._step[1], self._step[0], table, index, offsets))  # type: ignore[no-untyped-call]


class _Buffer:
    """The gradient of a table, to which the sums of one step add."""

    def __init__(self) -> None:
        self.gradient: Tensor | None = None
        self.given = False

    def of(self, table: Tensor) -> Tensor:
        if self.gradient is None:
            self.gradient = torch.zeros_like(table)
        return self.gradient


class _GiveBuffer(torch.autograd.Function):
    """Give a table the gradient that its sums have gathered; these come first on the way back, as they depend on the number returned."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, buffer: _Buffer) -> Tensor:
        ctx.buffer, ctx.table = buffer, table.detach()
        return table.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        gradient = ctx.buffer.of(ctx.table)
        # It is the table's from now on; what comes later, in a second pass back, adds to a new one.
        ctx.buffer.gradient, ctx.buffer.given = None, True
        return gradient, None


class _SumRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, first: Tensor, buffer: _Buffer, table: Tensor, index: Tensor, offsets: Tensor) -> Tensor:
        ctx.save_for_backward(table, index, offsets)
        ctx.buffer = buffer
        return functional.embedding_bag(index, table, offsets, mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        table, index, offsets = ctx.saved_tensors
        ends = torch.cat([offsets[1:], offsets.new_tensor([len(index)])])
        lists = torch.repeat_interleave(torch.arange(len(offsets), device=index.device), ends - offsets)
        ordered, order = torch.sort(index.int(), stable=True)
        row, count = torch.unique_consecutive(ordered, return_counts=True)
        summed = functional.embedding_bag(lists[order], gradient.contiguous(), torch.cumsum(count, dim=0) - count, mode="sum")
        ctx.buffer.of(table).index_add_(0, row, summed)
        return gradient.new_zeros(()), None, None, None, None


Lists = Ragged | Padded | PaddedVectors
"""What a part of a tower sums over: ragged in training, where it is fastest, and padded in ONNX, which has no ragged arrays."""


def pad(indptr: npt.NDArray[np.int64], values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Lay ragged rows out as a rectangle as wide as the longest, filled up with zeros.

    Shapes:
        - indptr: int64 [rows + 1]
        - values: [entries, ...]
        - returns: [rows, width, ...]
    """
    length = np.diff(indptr)
    padded = np.zeros((len(length), int(length.max(initial=0)), *values.shape[1:]), dtype=values.dtype)
    padded[np.arange(padded.shape[1]) < length[:, None]] = values
    return padded


def importance(neighbours: Neighbours, half_life: float | None) -> Float32:
    """Return edge weight * recency of each neighbour, float32 [drawn]; without a half-life age does not matter."""
    return neighbours.weight if half_life is None else neighbours.weight * recency(neighbours.indptr, neighbours.age, half_life)


def recency(indptr: Int64, age: Float32, half_life: float) -> Float32:
    """Return 2 ** (-(age - youngest age of the row) / half_life).

    Ages count from each row's youngest entry, which stands last: otherwise all weights of an old row would vanish together.

    Shapes:
        - indptr: int64 [rows + 1]
        - age: float32 [items], days, falling inside each row
        - returns: float32 [items]
    """
    if not len(age):
        return age
    youngest = np.repeat(age[np.maximum(indptr[1:] - 1, 0)], np.diff(indptr))
    return np.asarray(0.5 ** ((age - youngest) / half_life), dtype=np.float32)


class RelationConv(nn.Module):
    r"""Weighted-mean convolution over one relation, the neighbour part of GraphSAGE (Hamilton et al., arXiv 1706.02216).

    .. math::
        \mathbf{m}_i = \mathbf{W} \sum_{j \in N(i)} \frac{w_{ij}}{\sum_k w_{ik}} \mathbf{x}_j

    The root term is the caller's. Takes either neighbour lists, summed without materialising one message an edge, or PyG's
    `edge_index`, so that it also stands in `HeteroConv`. It is no subclass of PyG's `MessagePassing`, whose import alone takes longer
    than all else in a search.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dimension, dimension, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, small beside the root term's."""
        nn.init.normal_(self.linear.weight, std=0.1 * self.linear.in_features**-0.5)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edges: Lists | Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return the messages.

        Shapes:
            - x: [sources, d], or PyG's pair of source and target vectors
            - edges: lists of sources by target, or int64 [2, edges]
            - edge_weight: float32 [edges]
            - returns: [targets, d], zero for a target without neighbours
        """
        if isinstance(edges, Lists):
            assert isinstance(x, Tensor)
            return torch.as_tensor(self.linear(edges.sum(x)))
        source, target = x if isinstance(x, tuple) else (x, x)
        weight = source.new_ones(edges.shape[1]) if edge_weight is None else edge_weight
        total = weight.new_zeros(len(target)).index_add(0, edges[1], weight)
        weight = weight / total.clamp(min=1e-30)[edges[1]]
        messages = weight[:, None] * source[edges[0]]
        return torch.as_tensor(self.linear(source.new_zeros(target.shape[0], source.shape[1]).index_add(0, edges[1], messages)))


class ValueTable(nn.Module):
    """Sum or average the vectors of a node's values, which are numbered over all columns together."""

    def __init__(self, num_rows: int, dimension: int) -> None:
        super().__init__()
        # Small beside a text, which a value only adds to.
        self.weight = nn.Parameter(torch.randn(num_rows, dimension) * 0.1 * dimension**-0.5)

    def forward(self, codes: Lists) -> Tensor:
        """Return one vector a node, float32 [n, d], of its rows of the table."""
        return codes.sum(self.weight)

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the weights that train at the rate of embedding tables."""
        return [self.weight]
