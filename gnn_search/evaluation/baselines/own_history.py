"""The user's own past products that fit the query."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Int32
from gnn_search.evaluation.baselines.lists import HISTORY_ROWS, expand_histories, first_of_each, history_blocks, join_lists, ranking_of
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.graph.pairs import count_interactions
from gnn_search.graph.store import GraphView
from gnn_search.retrieval.ranking import Ranking


class OwnHistory:
    """Rank the user's own past products among those of the query's interactions, by frequency; then popularity within the query.

    Ties go to the product that is more popular for the query.
    """

    name = "own_history"

    def __init__(self, view: GraphView, query_popularity: QueryPopularity, block_rows: int = HISTORY_ROWS) -> None:
        self._interactions = count_interactions(view)
        self._query_popularity, self._block_rows = query_popularity, block_rows

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the reciprocal rank."""
        own = np.concatenate(
            [self._own(user[block], query[block], k) for block in history_blocks(self._interactions, user, self._block_rows)]
        )
        return ranking_of(join_lists(own, self._query_popularity.lists(query, k), k))

    def _own(self, user: Int32, query: Int32, k: int) -> Int32:
        """Return each user's own products among those of the query, int32 [requests, k]."""
        interactions = self._interactions
        case, own = expand_histories(interactions, user)
        pair = self._query_popularity.pairs.find(query[case], interactions.product[own])
        fits = pair >= 0
        case, own, pair = case[fits], own[fits], pair[fits]
        order = np.lexsort((self._query_popularity.place[pair], -interactions.count[own], case))
        indptr = np.searchsorted(case, np.arange(len(user) + 1)).astype(np.int64)
        return first_of_each(indptr, interactions.product[own[order]], np.arange(len(user), dtype=np.int32), k)
