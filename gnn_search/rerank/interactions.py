"""Sparse counts of interactions between pairs of nodes: how often, how recently, since when."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gnn_search.arrays import Float32, Int32, Int64

_DAY = 86_400e6


@dataclass(frozen=True)
class Interactions:
    """Distinct (row, column) pairs in ascending order, with what the interactions that join them add up to.

    Shapes:
        - indptr: int64 [rows + 1]
        - column: int32 [pairs], ascending inside a row
        - count: float32 [pairs], summed weights
        - latest, first: float32 [pairs], days since the latest and the first interaction
        - recent: float32 [pairs, half-lives], summed weights, discounted by age
        - key: int64 [pairs], row * columns + column
    """

    indptr: Int64
    column: Int32
    count: Float32
    latest: Float32
    first: Float32
    recent: Float32
    key: Int64

    @classmethod
    def count_edges(
        cls,
        row: Int32,
        column: Int32,
        time: Int64,
        weight: Float32,
        as_of: int,
        half_lives: tuple[float, ...],
        num_rows: int,
        num_columns: int,
    ) -> Interactions:
        """Add up interactions.

        Ages are counted from `as_of` (µs); after each of `half_lives` (days) an interaction counts half.

        Shapes:
            - row, column: int32 [interactions], the two ends
            - time: int64 [interactions], µs
            - weight: float32 [interactions]
        """
        days = ((as_of - time) / _DAY).astype(np.float32)
        recent = weight[:, None] * np.exp2(-days[:, None] / np.asarray(half_lives, dtype=np.float32))
        return _merge(row.astype(np.int64) * num_columns + column, weight, days, days, recent, num_rows, num_columns)

    @property
    def row(self) -> Int32:
        """The row of each pair, int32 [pairs]."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))

    def regroup(self, group: Int32, num_groups: int) -> Interactions:
        """Add up the columns of each group; columns in none, of a negative group, are left out.

        Shapes:
            - group: int32 [columns]
        """
        joined = group[self.column]
        kept = joined >= 0
        key = self.row[kept].astype(np.int64) * num_groups + joined[kept]
        return _merge(key, self.count[kept], self.latest[kept], self.first[kept], self.recent[kept], len(self.indptr) - 1, num_groups)

    def totals(self) -> tuple[Float32, Float32]:
        """Return each row's count, float32 [rows], and recent count, float32 [rows, half-lives]."""
        rows = len(self.indptr) - 1
        count = np.bincount(self.row, weights=self.count, minlength=rows).astype(np.float32)
        return count, by_row(self.row, self.recent, rows)

    def find(self, row: Int64, column: Int64, num_columns: int) -> Int64:
        """Return the position of each (row, column) among the pairs, -1 where there is none or the row is negative: int64 like `row`."""
        if not len(self.key):
            return np.full(row.shape, -1, dtype=np.int64)
        wanted = row * num_columns + column
        place = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.where((row >= 0) & (self.key[place] == wanted), place, -1)

    def arrays(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
        """Return the arrays by name, to be stored."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def by_row(row: Int32, values: Float32, num_rows: int) -> Float32:
    """Add up the values of each row.

    Shapes:
        - row: int32 [n]
        - values: float32 [n, h]
        - returns: float32 [num_rows, h]
    """
    return np.stack([np.bincount(row, weights=column, minlength=num_rows) for column in values.T], axis=1).astype(np.float32)


def _merge(key: Int64, count: Float32, latest: Float32, first: Float32, recent: Float32, num_rows: int, num_columns: int) -> Interactions:
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, dtype=np.int64)
    distinct = key[starts]
    indptr = np.searchsorted(distinct, np.arange(num_rows + 1, dtype=np.int64) * num_columns).astype(np.int64)
    if not len(key):
        nothing = np.empty(0, dtype=np.float32)
        return Interactions(indptr, np.empty(0, np.int32), nothing, nothing, nothing, recent, distinct)
    return Interactions(
        indptr=indptr,
        column=(distinct % num_columns).astype(np.int32),
        count=np.add.reduceat(count[order], starts),
        latest=np.minimum.reduceat(latest[order], starts),
        first=np.maximum.reduceat(first[order], starts),
        recent=np.add.reduceat(recent[order], starts, axis=0),
        key=distinct,
    )
