"""Weights of interactions by age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_search.graph.pairs import Pairs
from gnn_search.graph.store import EdgeType, GraphView

_DAY = 86_400_000_000


def weigh_by_age(view: GraphView, edge_types: Sequence[EdgeType], pairs: Pairs, half_life_days: float, floor: float) -> NDArray[np.float64]:
    """Sum 2 ** (-age / half-life) + floor over the edges of each pair: float64 [pairs].

    Args:
        view: The graph as of some time, from which ages count.
        edge_types: The relations that `pairs` were counted from.
        pairs: The pairs.
        half_life_days: Age at which the first term is a half.
        floor: What an edge of any age counts besides.
    """
    total = pairs.count * np.float64(floor)
    for pair, age in _ages(view, edge_types, pairs):
        total += np.bincount(pair, weights=np.exp2(-age / half_life_days), minlength=len(total))
    return total


def days_since_last(view: GraphView, edge_types: Sequence[EdgeType], pairs: Pairs) -> NDArray[np.float64]:
    """Return the age in days of the latest edge of each pair: float64 [pairs]."""
    latest = np.full(len(pairs.key), np.inf)
    for pair, age in _ages(view, edge_types, pairs):
        np.minimum.at(latest, pair, age)
    return latest


def _ages(view: GraphView, edge_types: Sequence[EdgeType], pairs: Pairs) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return, a relation each, the pair and the age in days of every edge."""
    ages = []
    for edge_type in edge_types:
        row, product, time, _ = view.edges(edge_type).flatten()
        assert time is not None
        ages.append((pairs.find(row, product), (view.time - time) / _DAY))
    return ages
