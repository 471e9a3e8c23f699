"""Find the places of relevant products under any weights of a boost, from inner products that are computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Float32, Float64, Int32, Int64, sorted_unique
from gnn_search.graph.cases import Cases
from gnn_search.index.flat import FlatIndex

_GROWTH = 4
_ROUNDING = 1e-5
"""More than the error of a float32 inner product of unit vectors."""
_BLOCK = 1 << 20
"""Pairs of case and candidate that are scored at once: they fit a processor's cache."""


@dataclass(eq=False)
class _Tier:
    """Cases with equally many candidates, the nearest products by vector.

    Shapes:
        - case: int64 [m]
        - product: int32 [m, depth]
        - cosine: float64 [m, depth]
        - beyond: float64 [m], no other product's cosine is larger
    """

    case: Int64
    product: Int32
    cosine: Float64
    beyond: Float64


class BoostCandidates:
    """The nearest products of some cases, deepened until a trial's places are those that a search of the whole catalogue would give.

    A product that is no candidate scores at most the last candidate's cosine and the largest boost of any product. A relevant product that
    scores more than that, or that k candidates beat, is settled. The cases of all others get four times the candidates.

    Args:
        vectors: Of the cases' requests.
        quality: f(p) of all products.
        depth: BoostCandidates of each case at first.
        budget: Most pairs of case and candidate to hold, as a multiple of those at first.

    Shapes:
        - vectors: float32 [cases, d]
        - quality: float32 [products, e]
    """

    def __init__(self, index: FlatIndex, vectors: Float32, cases: Cases, quality: Float32, depth: int = 256, budget: int = 4) -> None:
        self._index, self._vectors, self._cases = index, vectors, cases
        self._quality = quality.astype(np.float64)
        self._case_of_row = cases.case_of_row()
        self._cosine_of_row = index.similarity(vectors, self._case_of_row, cases.product)
        depth = min(depth, index.count)
        self._budget = budget * depth * len(cases)
        self._tiers = {depth: self._gather(np.arange(len(cases), dtype=np.int64), depth)}

    @property
    def pairs(self) -> int:
        """Pairs of case and candidate that are held."""
        return sum(tier.product.size for tier in self._tiers.values())

    def spread(self, place: int) -> float:
        """Return how far the cosine of a place lies below the first, on average; that of the last candidate where there are fewer."""
        (tier,) = self._tiers.values()
        at = min(place, tier.product.shape[1]) - 1
        return float(np.mean(tier.cosine[:, 0] - tier.cosine[:, at]))

    def places(self, weights: Float32, k: int) -> Int32 | None:
        """Return the exact places of the relevant products in lists of k.

        Returns:
            The place of each relevant row, from 1, 0 where the list does not hold it; or None where the boost is so strong that to know
            takes more pairs than the budget allows.

        Shapes:
            - weights: float32 [e]
            - returns: int32 [rows]
        """
        boost = self._quality @ weights.astype(np.float64)
        largest = float(boost.max())
        score = (self._cosine_of_row + boost[self._cases.product]).astype(np.float32)
        place = np.zeros(len(score), dtype=np.int32)
        for depth in sorted(self._tiers):
            tier = self._tiers[depth]
            while True:
                row, better = self._count_better(tier, boost, score)
                beyond = np.full(len(self._cases), -np.inf)
                beyond[tier.case] = tier.beyond + largest + _ROUNDING
                place[row] = np.where(better < k, better + 1, 0)
                open_cases = sorted_unique(self._case_of_row[row[(better < k) & (score[row] <= beyond[self._case_of_row[row]])]])
                if not len(open_cases):
                    break
                deeper = self._deepen(depth, open_cases)
                if deeper is None:
                    return None
                depth, tier = deeper
        return place

    def _count_better(self, tier: _Tier, boost: Float64, score: Float32) -> tuple[Int64, Int64]:
        """Return the relevant rows of a tier's cases, and how many candidates stand before each: int64 [rows] each."""
        first, last = self._cases.indptr[tier.case], self._cases.indptr[tier.case + 1]
        rows, counts = [], []
        step = max(1, _BLOCK // max(tier.product.shape[1], 1))
        for start in range(0, len(tier.case), step):
            part = slice(start, start + step)
            product = tier.product[part]
            of_candidates = (tier.cosine[part] + boost[product]).astype(np.float32)
            # Most cases have one relevant product, few have many.
            for offset in range(int((last[part] - first[part]).max(initial=0))):
                has = np.flatnonzero(last[part] - first[part] > offset)
                row = first[part][has] + offset
                theirs, mine = of_candidates[has], score[row, None]
                # Equal scores stand in the order of the products.
                before = (theirs > mine) | ((theirs == mine) & (product[has] < self._cases.product[row, None]))
                rows.append(row)
                counts.append(np.count_nonzero(before, axis=1))
        nothing = np.empty(0, dtype=np.int64)
        return np.concatenate([nothing, *rows]), np.concatenate([nothing, *counts])

    def _deepen(self, depth: int, case: Int64) -> tuple[int, _Tier] | None:
        """Move cases to the next tier; return it with these cases alone, or None where the budget does not allow it."""
        tier = self._tiers[depth]
        deeper = min(depth * _GROWTH, self._index.count)
        if self.pairs + len(case) * (deeper - depth) > self._budget:
            return None
        stays = ~np.isin(tier.case, case)
        self._tiers[depth] = _Tier(tier.case[stays], tier.product[stays], tier.cosine[stays], tier.beyond[stays])
        moved = self._gather(case, deeper)
        there = self._tiers.get(deeper)
        self._tiers[deeper] = moved if there is None else _join(there, moved)
        return deeper, moved

    def _gather(self, case: Int64, depth: int) -> _Tier:
        score, product = self._index.search(self._vectors[case], depth)
        pair = np.repeat(case, depth)
        cosine = self._index.similarity(self._vectors, pair, product.ravel()).reshape(product.shape)
        beyond = np.full(len(case), -np.inf) if depth == self._index.count else score[:, -1].astype(np.float64)
        return _Tier(case, product, cosine, beyond)


def _join(one: _Tier, other: _Tier) -> _Tier:
    return _Tier(
        np.concatenate([one.case, other.case]),
        np.concatenate([one.product, other.product]),
        np.concatenate([one.cosine, other.cosine]),
        np.concatenate([one.beyond, other.beyond]),
    )
