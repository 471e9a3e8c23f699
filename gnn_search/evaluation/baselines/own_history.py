"""What the shopper chose before, as far as it fits the query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.baselines.histories import expand_histories, history_blocks
from gnn_search.evaluation.baselines.lists import first_of_each, join_lists, ranking_of
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.graph.pairs import count_interactions
from gnn_search.graph.store import GraphView
from gnn_search.retrieval.ranking import Ranking


class OwnHistory:
    """Rank the shopper's own past products among those the query led to, by the times chosen; then popularity within the query.

    Ties go to the product that more people chose for the query.
    """

    name = "own_history"

    def __init__(self, view: GraphView, query_popularity: QueryPopularity) -> None:
        self._choices = count_interactions(view)
        self._query_popularity = query_popularity

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """See `Ranker.rank`. The score is the reciprocal rank."""
        own = np.concatenate([self._own(user[block], query[block], k) for block in history_blocks(self._choices, user)])
        return ranking_of(join_lists(own, self._query_popularity.lists(query, k), k))

    def _own(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> NDArray[np.int32]:
        """Return each shopper's own products among those of the query, int32[requests, k]."""
        choices, chosen_for = self._choices, self._query_popularity.pairs
        case, choice = expand_histories(choices, user)
        pair = chosen_for.find(query[case], choices.product[choice])
        fits = pair >= 0
        case, choice, pair = case[fits], choice[fits], pair[fits]
        order = np.lexsort((self._query_popularity.place[pair], -choices.count[choice], case))
        indptr = np.searchsorted(case, np.arange(len(user) + 1)).astype(np.int64)
        return first_of_each(indptr, choices.product[choice[order]], np.arange(len(user), dtype=np.int32), k)
