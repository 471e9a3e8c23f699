"""The most popular products, the same for everyone."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import PADDING, Int32, Int64
from gnn_search.graph.store import GraphView
from gnn_search.retrieval.ranking import Ranking


class Popularity:
    """Rank by the number of positive interactions before the view's time, ties by product number; products without any are left out."""

    name = "popularity"

    def __init__(self, view: GraphView) -> None:
        # Counted over queries, since interactions of unknown users have no edge from a user.
        self.count: Int64 = np.asarray(view.edges(("query", "leads_to", "product")).degree())
        order = np.argsort(-self.count, kind="stable")
        self._order = order[: int((self.count > 0).sum())].astype(np.int32)

    def top(self, k: int) -> Int32:
        """Return the `k` most popular products, int32 [k], padding at the end."""
        best = np.full(k, PADDING, dtype=np.int32)
        best[: len(self._order)] = self._order[:k]
        return best

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the number of interactions."""
        best = self.top(k)
        score = np.where(best == PADDING, -np.inf, self.count[best]).astype(np.float32)
        return Ranking(np.tile(best, (len(query), 1)), np.tile(score, (len(query), 1)))
