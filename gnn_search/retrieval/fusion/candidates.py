"""The products that any channel found, each once, with what each channel says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import PADDING, Float64, Int32, Int64
from gnn_search.retrieval.ranking import Ranking, best_products


@dataclass(frozen=True, eq=False)
class ChannelScores:
    """What one channel says of candidates.

    Shapes:
        rank: int32 [candidates], from 1, 0 for a product that the channel did not find; score: float64 [candidates], of one that it did not
        find the last that it found, which is the most it could have; first: float64 [candidates], the best score of the request's list,
        0 for an empty list.
    """

    rank: Int32
    score: Float64
    first: Float64


@dataclass(frozen=True, eq=False)
class FusionCandidates:
    """What channels found for some requests.

    Shapes:
        row: int64 [candidates], the request, ascending; product: int32 [candidates], ascending inside a request, without repeats; found: by
        channel.
    """

    requests: int
    row: Int64
    product: Int32
    found: Mapping[str, ChannelScores]

    def best(self, score: Float64, k: int) -> Ranking:
        """Return the best candidates of each request, equal scores by product number, and the ranks that the channels gave them.

        Shapes:
            score: float64 [candidates]. Returns lists of k.
        """
        product, scores, (order, place) = best_products(self.requests, k, self.row, self.product, score)
        ranks = {name: np.zeros((self.requests, k), dtype=np.int32) for name in self.found}
        for name, found in self.found.items():
            ranks[name][self.row[order], place] = found.rank[order]
        return Ranking(product, scores, ranks)


def join_channels(lists: Mapping[str, Ranking]) -> FusionCandidates:
    """Collect what the channels found for the same requests, in lists of any lengths."""
    requests = len(next(iter(lists.values())).product)
    width = 1 + max(int(ranking.product.max(initial=0)) for ranking in lists.values())
    places = {name: np.nonzero(ranking.product != PADDING) for name, ranking in lists.items()}
    keys = [row * width + lists[name].product[row, place] for name, (row, place) in places.items()]
    key, candidate = np.unique(np.concatenate(keys), return_inverse=True)
    row, product = key // width, (key % width).astype(np.int32)
    found = {}
    end = 0
    for name, (listed, place) in places.items():
        start, end = end, end + len(listed)
        found[name] = _found(lists[name], listed, place, candidate[start:end], row)
    return FusionCandidates(requests, row, product, found)


def _found(ranking: Ranking, listed: Int64, place: Int64, candidate: Int64, row: Int64) -> ChannelScores:
    sizes = np.count_nonzero(ranking.product != PADDING, axis=1)
    everyone = np.arange(len(sizes))
    first, last = (
        np.where(sizes > 0, ranking.score[everyone, end], 0).astype(np.float64) for end in (np.zeros_like(sizes), np.maximum(sizes - 1, 0))
    )
    rank = np.zeros(len(row), dtype=np.int32)
    rank[candidate] = place + 1
    score = last[row]
    score[candidate] = ranking.score[listed, place]
    return ChannelScores(rank, score, first[row])
