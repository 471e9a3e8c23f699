"""Draw a fixed number of neighbours a node and relation, by recency and weight, from a view of the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Float32, Int32, Int64, expand_ranges
from gnn_search.graph.csr import EdgeView
from gnn_search.sampling.random_source import RandomSource


@dataclass(frozen=True)
class Neighbours:
    """The neighbours drawn for some rows, ragged.

    Shapes:
        - indptr: int64 [rows + 1]
        - index: int32 [drawn]
        - weight: float32 [drawn]
        - age: float32 [drawn], days before the view's time, 0 in a timeless relation
        - edge: int64 [drawn], the position of each edge in its relation
    """

    indptr: Int64
    index: Int32
    weight: Float32
    age: Float32
    edge: Int64


@dataclass(frozen=True)
class NeighborSampler:
    """Draw at most `fan_out` neighbours a row from the last `pool` visible ones.

    Without randomness, or with a pool no larger than the fan-out, these are the latest (of a snapshot: the heaviest). Otherwise an edge is
    drawn without replacement with probability in proportion to weight * 2^(-age / half_life), by Gumbel keys (Efraimidis and Spirakis,
    2006).

    Attributes:
        fan_out: Most neighbours a row.
        pool: Latest visible edges considered.
        half_life: Days after which an edge counts half; None ignores age.
    """

    fan_out: int
    pool: int
    half_life: float | None = None

    def sample(
        self, view: EdgeView, rows: Int64, time: int, random: RandomSource | None = None, purpose: str = "", epoch: int = 0
    ) -> Neighbours:
        """Draw neighbours for rows.

        Ages count from `time`, the view's, in µs. A draw is keyed by `purpose`, `epoch` and row; without `random` it takes the latest.

        Shapes:
            - rows: int64 [n]
        """
        size = self.fan_out if random is None else max(self.pool, self.fan_out)
        ends = view.ends[rows]
        starts = np.maximum(view.starts[rows], ends - size)
        row, edge = expand_ranges(starts, ends)
        age = _days(view, edge, time)
        if random is not None and size > self.fan_out:
            uniform = random.uniform(purpose, epoch, np.asarray(rows, dtype=np.int64), self.pool)[row, edge - starts[row]]
            key = np.log(np.maximum(view.csr.weight[edge], 1e-30)) - np.log(-np.log(np.clip(uniform, 1e-12, 1 - 1e-12)))
            if self.half_life is not None:
                key -= age * (np.log(2) / self.half_life)
            order = np.lexsort((-key, row))
            drawn = np.bincount(row, minlength=len(rows))
            rank = np.arange(len(row)) - np.repeat(np.cumsum(drawn) - drawn, drawn)
            kept = np.sort(order[rank < self.fan_out])
            row, edge, age = row[kept], edge[kept], age[kept]
        indptr = np.cumsum(np.r_[0, np.bincount(row, minlength=len(rows))])
        return Neighbours(indptr, view.csr.index[edge], view.csr.weight[edge], age, edge)


def _days(view: EdgeView, edge: Int64, time: int) -> Float32:
    if view.csr.time is None:
        return np.zeros(len(edge), dtype=np.float32)
    return ((time - view.csr.time[edge]) / 86_400e6).astype(np.float32)
