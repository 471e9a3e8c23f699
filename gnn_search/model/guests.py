"""Shoppers who are not in the graph, with the past that a request brings along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.graph.csr import Csr, Float32, Int32, Int64
from gnn_search.graph.store import EdgeType, Graph
from gnn_search.model.traits import Traits
from gnn_search.model.two_tower import TwoTower
from gnn_search.sampling.history import HistoryIndex


@dataclass(frozen=True)
class GuestEvents:
    """What guests did, in the order in which it happened.

    Shapes:
        All [events]. guest: int32, numbers from 0; product: int32; action: int32, places in the graph's `actions`; query: int32, -1 where
        there was none that the graph holds; time: int64, µs, in the graph's clock; weight: float32.
    """

    guest: Int32
    product: Int32
    action: Int32
    query: Int32
    time: Int64
    weight: Float32


@dataclass(frozen=True)
class Guests:
    """Some guests, numbered from 0, read by the same code as the graph's shoppers.

    Attributes:
        graph: The shop with the guests in the place of its shoppers.
        history: Their pasts.
        traits: Their attributes.
    """

    graph: Graph
    history: HistoryIndex
    traits: Traits

    @classmethod
    def receive(cls, graph: Graph, towers: TwoTower, users: pl.DataFrame, events: GuestEvents) -> Guests:
        """Lay guests' events out as the graph's are, in time that grows with the guests' events alone.

        Args:
            graph: The graph.
            towers: The towers that are to read them.
            users: A row a guest, with the columns of the graph's shoppers.
            events: What they did.
        """
        shop = graph.with_shoppers(users, _rows(graph, users.height, events))
        return cls(shop, HistoryIndex(shop), towers.traits_of(users))


def _rows(graph: Graph, guests: int, events: GuestEvents) -> dict[EdgeType, Csr]:
    order = np.argsort(events.time, kind="stable")
    guest, time, weight = events.guest[order], events.time[order], events.weight[order]
    product, query, action = events.product[order], events.query[order], events.action[order]
    rows: dict[EdgeType, Csr] = {}
    for place, name in enumerate(graph.manifest.actions):
        done = action == place
        rows["product", f"rev_{name}", "user"] = Csr.from_edges(guest[done], product[done], time[done], weight[done], guests)
    asked = query >= 0
    rows["query", "rev_issues", "user"] = Csr.from_edges(guest[asked], query[asked], time[asked], weight[asked], guests)
    return rows
