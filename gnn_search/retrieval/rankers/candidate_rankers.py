"""Rank the graph's candidates: alone, or together with the nearest by vector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy

import numpy as np
import torch

from gnn_search.arrays import Float32, Float64, Int32
from gnn_search.index.base import check_k
from gnn_search.index.flat import FlatIndex
from gnn_search.rerank.candidates import CandidateIndex, Candidates
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.word_matches import WordMatcher, WordMatches
from gnn_search.retrieval.ranking import Ranking, best_products, empty_ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

SPARE = 100
"""Nearest products beyond k that are fetched at first."""
_BLOCK = 128
PLACES = 1 << 22
"""Most places of lists that are filled at a time."""
_GROWTH = 4


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
        users, matches = requests.inductive_users, self._words.match(requests.texts, requests.nodes)
        candidates = self.candidates if users is None else self.candidates.for_users(users.graph, users.history)
        found = [self._rank_block(block, matches, k, candidates, allowed) for block in blocks]
        product, score = (np.concatenate(parts)[row] for parts in zip(*found, strict=True))
        return Ranking(product, score)

    def describe(self, requests: EncodedRequests) -> tuple[Candidates, torch.Tensor]:
        """Return the candidates of some requests of the graph's users, and the features that the scorer sees of each.

        Shapes:
            - returns: float64 [candidates, features], columns as in `feature_names`
        """
        matches = self._words.match(requests.texts, requests.nodes)
        return self._described(requests, matches, self._nearest(requests), self.candidates)

    @abstractmethod
    def _nearest(self, requests: EncodedRequests) -> Int32:
        """Return the nearest products by vector that are candidates too: int32 [n, m]."""

    @abstractmethod
    def _rank_block(
        self, requests: EncodedRequests, matches: WordMatches, k: int, candidates: CandidateIndex, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        """Rank for a block of distinct requests: products and scores, [n, k] each."""

    def _described(
        self, requests: EncodedRequests, matches: WordMatches, near: Int32, candidates: CandidateIndex, allowed: Int32 | None = None
    ) -> tuple[Candidates, torch.Tensor]:
        who, lenders = (requests.user, requests.query, requests.history_query), None
        if requests.lenders is not None:
            lenders = requests.borrowed()
        found = candidates.find_candidates(*who, matches.take(requests.text), near, lenders)
        features = candidate_features(candidates, *who, found, lenders=lenders)
        if allowed is not None:
            kept = np.flatnonzero(np.isin(found.product, allowed))
            found, features = found.take(kept), features[kept]
        return found, torch.from_numpy(features).double()


class RerankedRanker(CandidateRanker):
    """Scores candidates from the graph and the nearest by vector with the reranker, all other products by their vectors.

    Exact: a product beyond those fetched from the index scores at most what the last one fetched does, so a list is deepened until that
    can no longer enter it.
    """

    def _nearest(self, requests: EncodedRequests) -> Int32:
        nearest = min(self.candidates.settings.nearest, self.num_products)
        return self.index.search(requests.vector.numpy(), nearest)[1] if nearest else np.empty((len(requests.user), 0), np.int32)

    def _rank_block(
        self, requests: EncodedRequests, matches: WordMatches, k: int, candidates: CandidateIndex, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        vector, nearest = requests.vector.numpy(), min(candidates.settings.nearest, self.num_products)
        near = self.index.search(vector, min(max(nearest, k + self._spare), self.num_products), allowed)
        # Which products are described must not depend on the filter.
        described = near[1][:, :nearest] if allowed is None else self._nearest(requests)
        found, features = self._described(requests, matches, described, candidates, allowed)
        similarity = self.index.similarity(vector, found.row, found.product)
        score = self.scorer.score_candidates(features, torch.from_numpy(similarity)).numpy()
        return self._merge(vector, found, score, near, k, allowed)

    def _merge(
        self, vector: Float32, found: Candidates, score: Float64, nearest: tuple[Float32, Int32], k: int, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        """Join the scored candidates with the other nearest products, deeper and deeper until the lists are settled."""
        whole = self.num_products if allowed is None else len(allowed)
        product, best = np.empty((len(vector), k), np.int32), np.empty((len(vector), k), np.float32)
        # With a key that no product has, so that there always is one.
        key, open_rows = np.r_[found.row * self.num_products + found.product, -1], np.arange(len(vector))
        similarity, near = nearest
        while True:
            others = self.scorer.score_others(torch.from_numpy(similarity.astype(np.float64))).numpy()
            wanted = open_rows[:, None] * self.num_products + near
            new = key[np.searchsorted(key[:-1], wanted)] != wanted
            place = np.full(len(vector), -1)
            place[open_rows] = np.arange(len(open_rows))
            mine = place[found.row] >= 0
            row = np.concatenate([place[found.row[mine]], np.nonzero(new)[0]])
            products, scores = np.concatenate([found.product[mine], near[new]]), np.concatenate([score[mine], others[new]])
            product[open_rows], best[open_rows] = best_products(len(open_rows), k, row, products, scores)[:2]
            worst, last, depth = best[open_rows, -1], others[:, -1].astype(np.float32), near.shape[1]
            # With a zero vector all other products score the same, the fetched ones first by number.
            equal = ~vector[open_rows].any(axis=1) & (worst == last) & (product[open_rows, -1] <= near[:, -1])
            open_rows = open_rows[~((worst > last) | equal | (depth == whole))]
            if not len(open_rows):
                return product, best
            similarity, near = self.index.search(vector[open_rows], min(depth * _GROWTH, whole), allowed)


class GraphRanker(CandidateRanker):
    """Leaves the vectors out; the lists hold only candidates from the graph."""

    def _nearest(self, requests: EncodedRequests) -> Int32:
        return np.empty((len(requests), 0), np.int32)

    def _rank_block(
        self, requests: EncodedRequests, matches: WordMatches, k: int, candidates: CandidateIndex, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        found, features = self._described(requests, matches, self._nearest(requests), candidates, allowed)
        score = self.scorer.score_candidates_alone(features).numpy()
        return best_products(len(requests), k, found.row, found.product, score)[:2]
