"""Rank the graph's candidates by their interaction features alone."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float32, Int32
from gnn_search.rerank.candidates import CandidateIndex, MatchedProducts
from gnn_search.retrieval.rankers.candidate_ranker import CandidateRanker, best_products, keep_allowed
from gnn_search.retrieval.request_encoder import EncodedRequests


class GraphRanker(CandidateRanker):
    """Leaves the vectors out; the lists hold only candidates from the graph."""

    def _nearest(self, requests: EncodedRequests) -> Int32:
        return np.empty((len(requests), 0), np.int32)

    def _rank_block(
        self, requests: EncodedRequests, matched: MatchedProducts, k: int, candidates: CandidateIndex, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        found, features = self._described(requests, matched, self._nearest(requests), candidates)
        if allowed is not None:
            found, features = keep_allowed(found, features, allowed)
        score = self.scorer.score_candidates_alone(features).numpy()
        return best_products(len(requests), k, found.row, found.product, score)
