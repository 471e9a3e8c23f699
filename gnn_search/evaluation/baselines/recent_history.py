"""A blend of the user's own past products and of what is popular of late."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import PADDING, Bool, Float64, Int32, Int64, find_keys, sorted_unique
from gnn_search.config.baselines import RecentHistorySettings
from gnn_search.evaluation.baselines.lists import HISTORY_ROWS, expand_histories, first_of_each, history_blocks, join_lists, ranking_of
from gnn_search.evaluation.baselines.recent_query_popularity import RecentQueryPopularity, days_since_last
from gnn_search.graph.pairs import count_interactions
from gnn_search.graph.store import GraphView
from gnn_search.retrieval.ranking import Ranking


class RecentHistory:
    """Blend the user's own past products with those that are popular for the query of late.

    The score is ln(1 + times) * (2 ** (-days since last / half-life) + floor) + weight * share of the query's recent interactions. The
    first term is of the user's own interactions with the product, and counts for products of the query's interactions, or that share a
    category with one of those; the second is that of `RecentQueryPopularity`, which also settles ties and fills the list.
    """

    name = "recent_history"

    def __init__(
        self, view: GraphView, popularity: RecentQueryPopularity, settings: RecentHistorySettings, block_rows: int = HISTORY_ROWS
    ) -> None:
        self._popularity, self._block_rows = popularity, block_rows
        self._interactions = count_interactions(view)
        edge_types = [("product", f"rev_{action}", "user") for action in view.graph.positive_actions]
        recency = np.exp2(-days_since_last(view, edge_types, self._interactions) / settings.own_half_life_days)
        self._own_score = np.log1p(self._interactions.count) * (recency + settings.own_floor)
        self._weight = settings.popularity_weight
        self._category = np.asarray(view.graph.taxonomy.product_category)
        self._num_categories = max(view.graph.taxonomy.num_categories, 1)
        query = popularity.pairs.key // popularity.pairs.num_products
        category = self._category[popularity.pairs.product]
        self._query_categories = sorted_unique((query * self._num_categories + category)[category >= 0])

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is the reciprocal rank."""
        lists = np.concatenate(
            [self._best(user[block], query[block], k) for block in history_blocks(self._interactions, user, self._block_rows)]
        )
        overall = np.tile(self._popularity.popularity.top(k), (len(lists), 1))
        return ranking_of(join_lists(lists, overall, k))

    def _best(self, user: Int32, query: Int32, k: int) -> Int32:
        """Return the best of each user's own products and those of the query, int32 [requests, k]."""
        own, own_score = self._own(user, query, k)
        popular = self._popularity.within(query, k)
        pair = self._popularity.pairs.find(np.repeat(query, k), popular.ravel()).reshape(popular.shape)
        popular_score = np.where(popular != PADDING, self._weight * self._share(pair), -np.inf)
        product = np.concatenate([own, popular], axis=1)
        score = np.concatenate([own_score, popular_score], axis=1)
        # An own product may stand in both; its own place has the higher score, so it comes first and join_lists drops the other.
        order = np.lexsort((product, self._place(np.repeat(query, 2 * k), product), -score), axis=-1)
        return join_lists(np.take_along_axis(product, order, axis=1), np.full((len(query), 0), PADDING, dtype=np.int32), k)

    def _own(self, user: Int32, query: Int32, k: int) -> tuple[Int32, Float64]:
        """Return each user's own products that fit the query with their scores, [requests, k], best first."""
        case, interaction = expand_histories(self._interactions, user)
        product = self._interactions.product[interaction]
        pair = self._popularity.pairs.find(query[case], product)
        fits = (pair >= 0) | self._share_category(query[case], product)
        case, interaction, product, pair = case[fits], interaction[fits], product[fits], pair[fits]
        score = self._own_score[interaction] + self._weight * self._share(pair)
        order = np.lexsort((product, self._place(query[case], product), -score, case))
        indptr = np.searchsorted(case, np.arange(len(user) + 1)).astype(np.int64)
        # Numbers of the ordered entries, of which there are fewer than 2 ** 31 in a block.
        first = first_of_each(indptr, order.astype(np.int32), np.arange(len(user), dtype=np.int32), k)
        filled = first != PADDING
        if len(order) == 0:
            return first, np.full(first.shape, -np.inf)
        return np.where(filled, product[first], PADDING).astype(np.int32), np.where(filled, score[first], -np.inf)

    def _share_category(self, query: Int32, product: Int32) -> Bool:
        category = self._category[product]
        key = query.astype(np.int64) * self._num_categories + category
        return (query >= 0) & (category >= 0) & (find_keys(self._query_categories, key) >= 0)

    def _share(self, pair: Int64) -> Float64:
        """Return the popularity of pairs, 0 for the pair -1. Any shape."""
        return np.append(self._popularity.share, 0.0)[pair]

    def _place(self, query: Int32, product: Int32) -> Int64:
        """Return the place of each product among those of its query, behind all for one without such an interaction; as product."""
        pair = self._popularity.pairs.find(query, product.ravel())
        return np.append(self._popularity.place, np.iinfo(np.int64).max)[pair].reshape(product.shape)
