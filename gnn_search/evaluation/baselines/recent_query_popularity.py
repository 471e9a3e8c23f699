"""The most popular products for the same query text of late."""

from __future__ import annotations

import numpy as np

from gnn_search.config.baselines import RecentHistorySettings
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.evaluation.baselines.recency import weigh_by_age
from gnn_search.graph.store import GraphView


class RecentQueryPopularity(QueryPopularity):
    """Rank as `QueryPopularity`, but count an interaction as 2 ** (-age / half-life) + floor instead of 1.

    The floor lets all-time popularity decide where little happened of late.
    """

    name = "recent_query_popularity"

    def __init__(self, view: GraphView, settings: RecentHistorySettings) -> None:
        super().__init__(view)
        pairs = self.pairs
        half_life, floor = settings.popularity_half_life_days, settings.popularity_floor
        weight = weigh_by_age(view, [("product", "rev_leads_to", "query")], pairs, half_life, floor)
        row = pairs.key // pairs.num_products
        self.share = weight / np.bincount(row, weights=weight)[row] if len(row) else weight
        """float64 [pairs], each product's share of the weighted interactions of its query."""
        self._arrange(self.share)
