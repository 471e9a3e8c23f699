"""Users whose past comes with a request instead of from the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Float32, Int32, Int64
from gnn_search.graph.csr import Csr
from gnn_search.graph.store import EdgeType, Graph
from gnn_search.model.two_tower import TwoTower
from gnn_search.model.user_tower import Traits
from gnn_search.sampling.history import HistoryIndex


@dataclass(frozen=True)
class UserEvents:
    """What users did, in the order in which it happened.

    Shapes:
        - user: int32 [events], numbered from 0
        - product: int32 [events]
        - action: int32 [events], places in the graph's `actions`
        - query: int32 [events], -1 where there was none that the graph holds
        - time: int64 [events], µs, in the graph's clock
        - weight: float32 [events]
    """

    user: Int32
    product: Int32
    action: Int32
    query: Int32
    time: Int64
    weight: Float32


@dataclass(frozen=True)
class InductiveUsers:
    """Users numbered from 0 who are read by the same code as the graph's own.

    Attributes:
        graph: The graph with these users in the place of its own.
        history: Their pasts.
        traits: Their attributes.
    """

    graph: Graph
    history: HistoryIndex
    traits: Traits

    @classmethod
    def build(cls, graph: Graph, towers: TwoTower, users: pl.DataFrame, events: UserEvents) -> InductiveUsers:
        """Lay users' events out as the graph lays out its own; the cost grows with these events alone.

        `users` has a row a user, with the columns of the graph's table of users.
        """
        own = graph.with_users(users, _relations(graph, users.height, events))
        return cls(own, HistoryIndex(own), towers.traits_of(users))


def _relations(graph: Graph, num_users: int, events: UserEvents) -> dict[EdgeType, Csr]:
    order = np.argsort(events.time, kind="stable")
    user, time, weight = events.user[order], events.time[order], events.weight[order]
    product, query, action = events.product[order], events.query[order], events.action[order]
    relations: dict[EdgeType, Csr] = {}
    for number, name in enumerate(graph.manifest.actions):
        done = action == number
        relations["product", f"rev_{name}", "user"] = Csr.from_edges(user[done], product[done], time[done], weight[done], num_users)
    issued = query >= 0
    relations["query", "rev_issues", "user"] = Csr.from_edges(user[issued], query[issued], time[issued], weight[issued], num_users)
    return relations
