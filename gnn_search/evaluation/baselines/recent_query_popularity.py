"""The most popular products for the same query text of late."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnn_search.arrays import Float64, Int64
from gnn_search.config.baselines import RecentHistorySettings
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.graph.pairs import Pairs
from gnn_search.graph.store import EdgeType, GraphView


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


_DAY = 86_400_000_000


def weigh_by_age(view: GraphView, edge_types: Sequence[EdgeType], pairs: Pairs, half_life_days: float, floor: float) -> Float64:
    """Sum 2 ** (-age / half-life) + floor over the edges of each pair: float64 [pairs]."""
    total = pairs.count * np.float64(floor)
    for pair, age in _ages(view, edge_types, pairs):
        total += np.bincount(pair, weights=np.exp2(-age / half_life_days), minlength=len(total))
    return total


def days_since_last(view: GraphView, edge_types: Sequence[EdgeType], pairs: Pairs) -> Float64:
    """Return the age in days of the latest edge of each pair: float64 [pairs]."""
    latest = np.full(len(pairs.key), np.inf)
    for pair, age in _ages(view, edge_types, pairs):
        np.minimum.at(latest, pair, age)
    return latest


def _ages(view: GraphView, edge_types: Sequence[EdgeType], pairs: Pairs) -> list[tuple[Int64, Float64]]:
    """Return, a relation each, the pair and the age in days of every edge."""
    ages = []
    for edge_type in edge_types:
        row, product, time, _ = view.edges(edge_type).flatten()
        assert time is not None
        ages.append((pairs.find(row, product), (view.time - time) / _DAY))
    return ages
