"""What the shopper chose before, as far as it fits the query."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.baselines.lists import first_of_each, join_lists, ranking_of
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.graph.csr import expand_ranges
from gnn_search.graph.pairs import count_choices
from gnn_search.graph.store import GraphView
from gnn_search.retrieval.ranking import Ranking

_BLOCK_ROWS = 1 << 21


class OwnHistory:
    """Rank the shopper's own past products among those the query led to, by the times chosen; then popularity within the query.

    Ties go to the product that more people chose for the query.
    """

    name = "own_history"

    def __init__(self, view: GraphView, query_popularity: QueryPopularity) -> None:
        self._choices = count_choices(view)
        self._query_popularity = query_popularity

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """See `Ranker.rank`. The score is the reciprocal rank."""
        own = np.concatenate([self._own(user[block], query[block], k) for block in self._blocks(user)])
        return ranking_of(join_lists(own, self._query_popularity.lists(query, k), k))

    def _own(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> NDArray[np.int32]:
        """Return each shopper's own products among those of the query, int32[requests, k]."""
        choices, chosen_for = self._choices, self._query_popularity.pairs
        starts, ends = self._history(user)
        case, choice = expand_ranges(starts, ends)
        pair = chosen_for.find(query[case], choices.product[choice])
        fits = pair >= 0
        case, choice, pair = case[fits], choice[fits], pair[fits]
        order = np.lexsort((self._query_popularity.place[pair], -choices.count[choice], case))
        indptr = np.searchsorted(case, np.arange(len(user) + 1)).astype(np.int64)
        return first_of_each(indptr, choices.product[choice[order]], np.arange(len(user), dtype=np.int32), k)

    def _history(self, user: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where each shopper's choices start and end among all, an empty range for a shopper nobody knows."""
        indptr = self._choices.indptr
        known = user >= 0
        return indptr[np.where(known, user, 0)], indptr[np.where(known, user + 1, 0)]

    def _blocks(self, user: NDArray[np.int32]) -> Iterator[slice]:
        """Cut the requests so that the histories of a block stay within a bounded number of rows."""
        starts, ends = self._history(user)
        total = np.cumsum(ends - starts)
        start = 0
        while start < len(user) or start == 0:
            before = total[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(total, before + _BLOCK_ROWS, side="right")))
            yield slice(start, end)
            start = end
