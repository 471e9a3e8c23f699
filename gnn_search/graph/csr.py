"""Compressed sparse rows whose entries are sorted by time, so that the past of every row is a prefix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import open_array

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
AGAIN = "build the graph again"
"""What to do where a part of a graph can't be read."""


@dataclass(frozen=True)
class Csr:
    """The edges of one relation by destination: row = destination node, entry = source node.

    Shapes:
        Entries are sorted by time inside each row; ties keep the order of the events.

        - indptr: int64 [rows + 1]
        - index: int32 [edges]
        - time: int64 [edges] in µs; None where the relation has no time
        - weight: float32 [edges]
    """

    indptr: Int64
    index: Int32
    time: Int64 | None
    weight: Float32

    @property
    def num_rows(self) -> int:
        return len(self.indptr) - 1

    @property
    def num_edges(self) -> int:
        return len(self.index)

    @classmethod
    def from_edges(cls, row: Int32, index: Int32, time: Int64 | None, weight: Float32, num_rows: int) -> Csr:
        """Sort edges, given in time order, into rows. One stable sort."""
        order = np.argsort(row, kind="stable")
        indptr = np.zeros(num_rows + 1, dtype=np.int64)
        np.cumsum(np.bincount(row, minlength=num_rows), out=indptr[1:])
        return cls(indptr, index[order], None if time is None else time[order], weight[order])

    def save(self, folder: Path) -> None:
        """Write one `.npy` file an array."""
        folder.mkdir(parents=True)
        np.save(folder / "indptr.npy", self.indptr)
        np.save(folder / "index.npy", self.index)
        np.save(folder / "weight.npy", self.weight)
        if self.time is not None:
            np.save(folder / "time.npy", self.time)

    @classmethod
    def open(cls, folder: Path, *, timed: bool) -> Csr:
        """Open the arrays memory-mapped; nothing is read yet.

        Raises:
            ArtefactError: One is missing or damaged.
        """
        return cls(
            indptr=open_array(folder / "indptr.npy", AGAIN, np.int64, (None,)),
            index=open_array(folder / "index.npy", AGAIN, np.int32, (None,)),
            time=open_array(folder / "time.npy", AGAIN, np.int64, (None,)) if timed else None,
            weight=open_array(folder / "weight.npy", AGAIN, np.float32, (None,)),
        )


@dataclass(frozen=True)
class EdgeView:
    """What is visible of a relation: of row r the entries `starts[r]` to `ends[r]`. Nothing is copied.

    Shapes:
        starts, ends: int64 [rows].
    """

    csr: Csr
    starts: Int64
    ends: Int64

    def degree(self) -> Int64:
        """Return the number of visible entries of each row, int64 [rows]."""
        return self.ends - self.starts

    def flatten(self) -> tuple[Int32, Int32, Int64 | None, Float32]:
        """Return the visible entries as (row, index, time, weight), each [visible entries], in row order."""
        row, position = expand_ranges(self.starts, self.ends)
        time = None if self.csr.time is None else self.csr.time[position]
        return row.astype(np.int32), self.csr.index[position], time, self.csr.weight[position]


def bisect_rows(values: Int64, starts: Int64, ends: Int64, bound: Int64 | int) -> Int64:
    """Find, in each of many sorted ranges of `values`, the first position whose value is not below the bound.

    One vectorised binary search: about log2(longest range) passes over the ranges.

    Shapes:
        - values: int64 [n], sorted inside each range
        - starts, ends: int64 [m]
        - bound: one number or int64 [m]
        - Returns int64 [m], each between the range's start and end
    """
    low = np.array(starts, dtype=np.int64)
    high = np.array(ends, dtype=np.int64)
    bound = np.broadcast_to(np.asarray(bound, dtype=np.int64), low.shape)
    active = np.flatnonzero(low < high)
    while len(active):
        middle = (low[active] + high[active]) >> 1
        below = values[middle] < bound[active]
        low[active[below]] = middle[below] + 1
        high[active[~below]] = middle[~below]
        active = active[low[active] < high[active]]
    return low


def expand_ranges(starts: Int64, ends: Int64) -> tuple[Int64, Int64]:
    """Write ranges out: for each position of each range, which range it is in and the position.

    Shapes:
        - starts, ends: int64 [m]
        - Returns two int64 [sum of lengths]
    """
    lengths = np.maximum(ends - starts, 0)
    row = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    first = np.cumsum(lengths) - lengths
    position = np.arange(len(row), dtype=np.int64) - first[row] + starts[row]
    return row, position
