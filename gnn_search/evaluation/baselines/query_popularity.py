"""The most popular products for the same query text."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float64, Int32, Int64
from gnn_search.evaluation.baselines.lists import first_of_each, join_lists, ranking_of
from gnn_search.evaluation.baselines.popularity import Popularity
from gnn_search.graph.pairs import count_pairs
from gnn_search.graph.store import GraphView
from gnn_search.retrieval.ranking import Ranking


class QueryPopularity:
    """Rank by positive interactions for the query, ties by popularity overall, then by product number; then popularity overall."""

    name = "query_popularity"

    def __init__(self, view: GraphView) -> None:
        self.popularity = Popularity(view)
        self.pairs = count_pairs(view, [("product", "rev_leads_to", "query")])
        self.place: Int64
        """int64[pairs], the position of each of `pairs` among those ordered by query and rank."""
        self._arrange(self.pairs.count)

    def _arrange(self, weight: Int64 | Float64) -> None:
        """Order each query's products by a weight, [pairs]."""
        pairs = self.pairs
        row = pairs.key // pairs.num_products
        # The pairs are ascending in (query, product) and the sort is stable, which settles the last tie.
        order = np.lexsort((-self.popularity.count[pairs.product], -weight, row))
        self._ordered = pairs.product[order]
        self.place = np.empty(len(order), dtype=np.int64)
        self.place[order] = np.arange(len(order))

    def within(self, query: Int32, k: int) -> Int32:
        """Return the best products of each query's interactions and no others, int32[queries, k]."""
        return first_of_each(self.pairs.indptr, self._ordered, query, k)

    def lists(self, query: Int32, k: int) -> Int32:
        """Return what `rank` returns, without scores, int32[queries, k]."""
        distinct, inverse = np.unique(query, return_inverse=True)
        overall = np.tile(self.popularity.top(k), (len(distinct), 1))
        return join_lists(self.within(distinct, k), overall, k)[inverse]

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the reciprocal rank."""
        return ranking_of(self.lists(query, k))
