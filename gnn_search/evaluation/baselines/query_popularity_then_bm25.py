"""The most popular products for the query, then those that its words match."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.arrays import Int32
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.baselines.lists import join_lists, ranking_of
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import Ranking


class QueryPopularityThenBm25:
    """Rank the products of the query's interactions by popularity within it, then the others by BM25."""

    name = "query_popularity_then_bm25"

    def __init__(self, graph: Graph, query_popularity: QueryPopularity, bm25: Bm25) -> None:
        self._queries = IdLookup(graph.nodes("query")["query"])
        self._query_popularity = query_popularity
        self._bm25 = bm25

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the reciprocal rank."""
        distinct, inverse = np.unique(query, return_inverse=True)
        matched = self._bm25.rank(np.full(len(distinct), -1, dtype=np.int32), distinct, k).product
        lists = join_lists(self._query_popularity.within(distinct, k), matched, k)
        return ranking_of(lists[inverse])

    def rank_texts(self, user: Int32, texts: pl.Series, k: int) -> Ranking:
        """See `TextCaseRanker.rank_texts`. A text that is a query of the graph has its popularity, any other its words alone."""
        query = self._queries.find(texts)
        known = query >= 0
        lists = np.empty((len(texts), k), dtype=np.int32)
        lists[known] = self.rank(user[known], query[known], k).product
        lists[~known] = self._bm25.rank_texts(user[~known], texts.filter(pl.Series(~known)), k).product
        return ranking_of(lists)
