"""Compressed sparse rows whose entries are sorted by time, so that the past of every row is a prefix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnn_search.arrays import Float32, Int32, Int64, expand_ranges, open_array

AGAIN = "build the graph again"
"""What to do where a part of a graph can't be read."""


@dataclass(frozen=True)
class EdgeList:
    """Edges in time order.

    Shapes:
        - source, target: int32 [edges]
        - time: int64 [edges], µs; None where the relation has no time
        - weight: float32 [edges]
    """

    source: Int32
    target: Int32
    time: Int64 | None
    weight: Float32


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
        indptr = np.cumsum(np.r_[0, np.bincount(row, minlength=num_rows)])
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
