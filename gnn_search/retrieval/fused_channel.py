"""Rank by what several channels found, fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from gnn_search.graph.csr import Int32
from gnn_search.index.base import check_k
from gnn_search.retrieval.encoded_channel import EncodedChannel
from gnn_search.retrieval.fusion.candidates import Candidates, Float64, join_channels
from gnn_search.retrieval.ranking import PADDING, Ranking
from gnn_search.retrieval.vector_channel import Asked, VectorChannel

DEPTH = 200
"""Products that each channel gives, at the least."""
_BLOCK = 1024

Rule = Callable[[Candidates], Float64]
"""Scores candidates from what the channels say of them, each on its own."""


class Part(Protocol):
    """A channel that can be fused."""

    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests; where `allowed` is given, these products alone."""
        ...


class FusedChannel(EncodedChannel):
    """Asks several channels for their best products and ranks all of these by one rule.

    Requests are encoded once for all channels. A list holds each product once and says at which rank each channel found it. Each channel
    gives its 200 best products, or k where that is more, so that of two lists of up to 200 the shorter is the beginning of the longer.

    Args:
        vectors: Encodes the requests.
        parts: The channels by name.
        rule: Scores what they found.
        name: What reports call it.
    """

    def __init__(self, vectors: VectorChannel, parts: Mapping[str, Part], rule: Rule, *, name: str = "fused") -> None:
        super().__init__(vectors, name)
        self._parts, self._rule = dict(parts), rule

    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests, as `VectorChannel.search` does."""
        check_k(k, self.index.count)
        depth = min(max(k, DEPTH), self.index.count)
        lists = {name: part.search(asked, depth, allowed) for name, part in self._parts.items()}
        shape = (len(asked.user), k)
        product, score = np.full(shape, PADDING, dtype=np.int32), np.full(shape, -np.inf, dtype=np.float32)
        ranks = {name: np.zeros(shape, dtype=np.int32) for name in lists}
        for start in range(0, len(asked.user), _BLOCK):
            block = slice(start, start + _BLOCK)
            candidates = join_channels({name: Ranking(listed.product[block], listed.score[block]) for name, listed in lists.items()})
            best = candidates.best(self._rule(candidates), k)
            product[block], score[block] = best.product, best.score
            for name in ranks:
                ranks[name][block] = best.ranks[name]
        return Ranking(product, score, ranks)
