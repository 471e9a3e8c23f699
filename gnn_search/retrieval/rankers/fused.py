"""Rank by what several channels found, fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gnn_search.arrays import Float64, Int32
from gnn_search.index.base import ProductIndex, check_k
from gnn_search.retrieval.fusion.candidates import FusionCandidates, join_channels
from gnn_search.retrieval.ranking import Ranker, Ranking, empty_ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

DEPTH = 200
"""Fewest products that each channel gives."""
_BLOCK = 1024

Rule = Callable[[FusionCandidates], Float64]
"""Scores candidates from what the channels say of them, each on its own."""


class FusedRanker:
    """Asks several rankers for their best products and ranks all of these by one rule.

    A list holds each product once and says at which rank each channel found it. Each channel gives its 200 best products, or k where that
    is more, so that of two lists of up to 200 the shorter is the beginning of the longer.

    Args:
        index: The products' vectors.
        rankers: By channel.
        rule: Scores what they found.
        depth: Fewest products that each channel gives.
        block: Requests fused at a time.
    """

    def __init__(self, index: ProductIndex, rankers: Mapping[str, Ranker], rule: Rule, *, depth: int = DEPTH, block: int = _BLOCK) -> None:
        self.index, self._rankers, self._rule = index, dict(rankers), rule
        self._depth, self._block = depth, block

    def rank(self, requests: EncodedRequests, k: int, allowed: Int32 | None = None) -> Ranking:
        """See `Ranker.rank`; a score is the rule's."""
        check_k(k, self.index.count)
        depth = min(max(k, self._depth), self.index.count)
        lists = {name: ranker.rank(requests, depth, allowed) for name, ranker in self._rankers.items()}
        fused = empty_ranking(len(requests), k)
        ranks = {name: np.zeros(fused.product.shape, dtype=np.int32) for name in lists}
        for start in range(0, len(requests), self._block):
            block = slice(start, start + self._block)
            candidates = join_channels({name: Ranking(found.product[block], found.score[block]) for name, found in lists.items()})
            best = candidates.best(self._rule(candidates), k)
            fused.product[block], fused.score[block] = best.product, best.score
            for name in ranks:
                ranks[name][block] = best.ranks[name]
        return Ranking(fused.product, fused.score, ranks)
