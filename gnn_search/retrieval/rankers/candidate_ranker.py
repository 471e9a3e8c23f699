"""What the graph and reranked channels share: the graph's candidates, described."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy

import numpy as np
import torch

from gnn_search.arrays import Float32, Float64, Int32, Int64
from gnn_search.index.base import check_k
from gnn_search.index.flat import FlatIndex
from gnn_search.rerank.candidates import CandidateIndex, Candidates, MatchedProducts, match_words
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.retrieval.ranking import PADDING, Ranking, empty_ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

SPARE = 100
"""Nearest products beyond k that are fetched at first."""
_BLOCK = 128
PLACES = 1 << 22
"""Most places of lists that are filled at a time."""


class CandidateRanker(ABC):
    """Describes the graph's candidates of each request by interaction features, and scores them.

    Args:
        index: The products' vectors, exact.
        candidates: Finds the candidates, as of the requests' time.
        words: Matches the requests' words.
        scorer: Scores the candidates.
        spare: Nearest products beyond k that are fetched at first.
        places: Most places of lists that are filled at a time.
    """

    def __init__(
        self,
        index: FlatIndex,
        candidates: CandidateIndex,
        words: WordMatcher,
        scorer: RerankScorer,
        *,
        spare: int = SPARE,
        places: int = PLACES,
    ) -> None:
        self.index, self.candidates, self._words = index, candidates, words
        self.num_products = index.count
        self._spare, self._places = spare, places
        # In float64 a score does not depend on which other rows a matrix product holds, to the digits that are kept.
        self.scorer: RerankScorer = deepcopy(scorer).double()

    @torch.no_grad()
    def rank(self, requests: EncodedRequests, k: int, allowed: Int32 | None = None) -> Ranking:
        """See `Ranker.rank`; products that are not allowed still count in how the others are described."""
        check_k(k, self.num_products)
        # Each request once, by user, so that a user's requests share the search for partners.
        key = requests.user.astype(np.int64) * (len(requests.texts) + 1) + requests.text
        order, row = np.unique(key, return_index=True, return_inverse=True)[1:]
        if not len(order) or not (allowed is None or len(allowed)):
            return empty_ranking(len(row), k)
        size = max(1, min(_BLOCK, self._places // (k + self._spare)))
        # A single request needs no copy.
        blocks = [requests.take(order[start : start + size]) for start in range(0, len(order), size)] if len(row) > 1 else [requests]
        candidates, matches = self._candidates_for(requests), self._words.match(requests.texts, requests.nodes)
        found = [self._rank_block(block, match_words(matches, block.text), k, candidates, allowed) for block in blocks]
        product, score = (np.concatenate(parts)[row] for parts in zip(*found, strict=True))
        return Ranking(product, score)

    def describe(self, requests: EncodedRequests) -> tuple[Candidates, torch.Tensor]:
        """Return the candidates of some requests, and the features that the scorer sees of each.

        Shapes:
            - returns: float64 [candidates, features], columns as in `feature_names`
        """
        matched = match_words(self._words.match(requests.texts, requests.nodes), requests.text)
        return self._described(requests, matched, self._nearest(requests), self._candidates_for(requests))

    @abstractmethod
    def _nearest(self, requests: EncodedRequests) -> Int32:
        """Return the nearest products by vector that are candidates too: int32 [n, m]."""

    @abstractmethod
    def _rank_block(
        self, requests: EncodedRequests, matched: MatchedProducts, k: int, candidates: CandidateIndex, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        """Rank for a block of distinct requests: products and scores, [n, k] each."""

    def _candidates_for(self, requests: EncodedRequests) -> CandidateIndex:
        users = requests.inductive_users
        return self.candidates if users is None else self.candidates.for_users(users.graph, users.history)

    def _described(
        self, requests: EncodedRequests, matched: MatchedProducts, near: Int32, candidates: CandidateIndex
    ) -> tuple[Candidates, torch.Tensor]:
        found = candidates.find_candidates(requests.user, requests.query, requests.history_query, matched, near)
        features = candidate_features(candidates, requests.user, requests.query, requests.history_query, found)
        return found, torch.from_numpy(features).double()


def keep_allowed(found: Candidates, features: torch.Tensor, allowed: Int32) -> tuple[Candidates, torch.Tensor]:
    """Leave out candidates that are not allowed."""
    kept = np.flatnonzero(np.isin(found.product, allowed))
    return found.take(kept), features[torch.from_numpy(kept)]


def best_products(rows: int, k: int, row: Int64, product: Int32, score: Float64) -> tuple[Int32, Float32]:
    """Take the k best products of each row, equal scores by product number.

    Shapes:
        - row: int64 [n]
        - product: int32 [n]
        - score: float64 [n]
        - returns: [rows, k] each
    """
    kept = score.astype(np.float32)
    order = np.lexsort((product, -kept, row))
    starts = np.searchsorted(row[order], np.arange(rows))
    rank = np.arange(len(order)) - starts[row[order]]
    order, rank = order[rank < k], rank[rank < k]
    products = np.full((rows, k), PADDING, dtype=np.int32)
    scores = np.full((rows, k), -np.inf, dtype=np.float32)
    products[row[order], rank] = product[order]
    scores[row[order], rank] = kept[order]
    return products, scores
