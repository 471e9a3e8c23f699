"""What a text that nobody searched for borrows from: known queries, how like they are, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Float32, Int32, Int64, expand_ranges

SPELLING, STEMS, MEANING = 0, 1, 2
"""Columns of `Lenders.likeness`."""


@dataclass(frozen=True)
class Lenders:
    """Known queries that lend their evidence to texts, ragged by text, the one that counts most first.

    Shapes:
        - indptr: int64 [texts + 1]
        - query: int32 [lenders], nodes
        - weight: float32 [lenders], above 0 to 1, the chance that the lender is about what the text is about
        - likeness: float32 [lenders, 3], by spelling, stems (0 to 1 each) and meaning (the cosine)
    """

    indptr: Int64
    query: Int32
    weight: Float32
    likeness: Float32

    @classmethod
    def nobody(cls, texts: int) -> Lenders:
        """Return no lender for each of some texts."""
        nothing = np.empty((0, 3), dtype=np.float32)
        return cls(np.zeros(texts + 1, dtype=np.int64), np.empty(0, dtype=np.int32), nothing[:, 0], nothing)

    @classmethod
    def joined(cls, parts: list[Lenders]) -> Lenders:
        """Return the lenders of several lists of texts as those of one."""
        if not parts:
            return cls.nobody(0)
        sizes = np.concatenate([np.diff(part.indptr) for part in parts])
        query, weight, likeness = (np.concatenate([getattr(part, name) for part in parts]) for name in ("query", "weight", "likeness"))
        return cls(np.cumsum(np.r_[0, sizes]), query, weight, likeness)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def row(self) -> Int64:
        """The text of each lender, int64 [lenders]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.indptr))

    def take(self, texts: Int64) -> Lenders:
        """Return the lenders of some of the texts, int64 [n], in their order and as often as they are there."""
        row, place = expand_ranges(self.indptr[texts], self.indptr[texts + 1])
        bounds = np.cumsum(np.r_[0, np.bincount(row, minlength=len(texts))])
        return Lenders(bounds, self.query[place], self.weight[place], self.likeness[place])

    def spread(self, texts: Int64, count: int) -> Lenders:
        """Return them as the lenders of `count` texts, of which these are some: int64 [texts], ascending. The others have none."""
        sizes = np.zeros(count, dtype=np.int64)
        sizes[texts] = np.diff(self.indptr)
        return Lenders(np.cumsum(np.r_[0, sizes]), self.query, self.weight, self.likeness)

    def best(self) -> tuple[Int32, Float32]:
        """Return each text's first lender and its weight: int32 [texts], -1 for none, and float32 [texts], 0 for none."""
        found = np.diff(self.indptr) > 0
        query, weight = np.full(len(self), -1, dtype=np.int32), np.zeros(len(self), dtype=np.float32)
        query[found], weight[found] = self.query[self.indptr[:-1][found]], self.weight[self.indptr[:-1][found]]
        return query, weight

    def reach(self) -> Float32:
        """Return the chance that at least one lender is about what the text is about, were they independent: float32 [texts]."""
        left = np.bincount(self.row, weights=np.log1p(-np.minimum(self.weight.astype(np.float64), 0.999)), minlength=len(self))
        return -np.expm1(left).astype(np.float32)
