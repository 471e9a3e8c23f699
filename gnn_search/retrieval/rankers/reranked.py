"""Rank by vectors and interaction features together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from gnn_search.arrays import Float32, Float64, Int32, Int64
from gnn_search.rerank.candidates import CandidateIndex, Candidates, MatchedProducts
from gnn_search.retrieval.rankers.candidate_ranker import CandidateRanker, best_products, keep_allowed
from gnn_search.retrieval.request_encoder import EncodedRequests

_GROWTH = 4


class RerankedRanker(CandidateRanker):
    """Scores candidates from the graph and the nearest by vector with the reranker, all other products by their vectors.

    Exact: a product beyond those fetched from the index scores at most what the last one fetched does, so a list is deepened until that
    can no longer enter it.
    """

    def _nearest(self, requests: EncodedRequests) -> Int32:
        nearest = min(self.candidates.settings.nearest, self.num_products)
        return self.index.search(requests.vector.numpy(), nearest)[1] if nearest else np.empty((len(requests.user), 0), np.int32)

    def _rank_block(
        self, requests: EncodedRequests, matched: MatchedProducts, k: int, candidates: CandidateIndex, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        vector, nearest = requests.vector.numpy(), min(candidates.settings.nearest, self.num_products)
        near = self.index.search(vector, min(max(nearest, k + self._spare), self.num_products), allowed)
        # Which products are described must not depend on the filter.
        described = near[1][:, :nearest] if allowed is None else self._nearest(requests)
        found, features = self._described(requests, matched, described, candidates)
        if allowed is not None:
            found, features = keep_allowed(found, features, allowed)
        similarity = self.index.similarity(vector, found.row, found.product)
        score = self.scorer.score_candidates(features, torch.from_numpy(similarity)).numpy()
        return self._merge(vector, found, score, near, k, allowed)

    def _merge(
        self, vector: Float32, found: Candidates, score: Float64, nearest: tuple[Float32, Int32], k: int, allowed: Int32 | None
    ) -> tuple[Int32, Float32]:
        """Join the scored candidates with the other nearest products, deeper and deeper until the lists are settled."""
        whole = self.num_products if allowed is None else len(allowed)
        product, best = np.empty((len(vector), k), np.int32), np.empty((len(vector), k), np.float32)
        key, open_rows = found.row * self.num_products + found.product, np.arange(len(vector))
        similarity, near = nearest
        while True:
            others = self.scorer.score_others(torch.from_numpy(similarity.astype(np.float64))).numpy()
            new = ~_contains(key, open_rows[:, None] * self.num_products + near)
            place = np.full(len(vector), -1)
            place[open_rows] = np.arange(len(open_rows))
            mine = place[found.row] >= 0
            row = np.concatenate([place[found.row[mine]], np.nonzero(new)[0]])
            products, scores = np.concatenate([found.product[mine], near[new]]), np.concatenate([score[mine], others[new]])
            product[open_rows], best[open_rows] = best_products(len(open_rows), k, row, products, scores)
            worst, last, depth = best[open_rows, -1], others[:, -1].astype(np.float32), near.shape[1]
            # With a zero vector all other products score alike, the fetched ones first by number.
            alike = ~vector[open_rows].any(axis=1) & (worst == last) & (product[open_rows, -1] <= near[:, -1])
            open_rows = open_rows[~((worst > last) | alike | (depth == whole))]
            if not len(open_rows):
                return product, best
            similarity, near = self.index.search(vector[open_rows], min(depth * _GROWTH, whole), allowed)


def _contains(keys: Int64, wanted: Int64) -> npt.NDArray[np.bool_]:
    """Say which wanted keys are among ascending ones; any shape of `wanted`."""
    if not len(keys):
        return np.zeros(wanted.shape, dtype=np.bool_)
    return np.asarray(keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted)
