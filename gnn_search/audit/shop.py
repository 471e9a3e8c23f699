"""Read a graph for the checks: all its events in one table, and the shop's own ids for examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Int32, Int64
from gnn_search.audit.check import MOST_EXAMPLES, Example
from gnn_search.config.recipe import MEASURED
from gnn_search.graph.store import EdgeType, Graph, GraphManifest, to_datetime
from gnn_search.tables.events import SPLITS

DAY = 86_400_000_000
"""µs."""

_EVENT = ("user", "query", "product", "action", "time", "session_start")


@dataclass(frozen=True)
class AuditedShop:
    """The data of a graph that checks read."""

    graph: Graph

    @property
    def manifest(self) -> GraphManifest:
        return self.graph.manifest

    @property
    def cuts(self) -> dict[str, int]:
        """Start of each evaluated period (µs), which is where the visible past ends."""
        return {"validation": self.manifest.validation_start, "test": self.manifest.test_start}

    @cached_property
    def stored_events(self) -> pl.DataFrame:
        """All examples as they are stored, with `split` and `measured`; `user`, `query` and `product` are -1 where there is none."""
        columns = [*_EVENT, *self.manifest.labels]
        parts = []
        for split in SPLITS:
            part = self.graph.examples(split)
            measured = pl.col(MEASURED) if MEASURED in part.columns else pl.lit(split != "train").alias(MEASURED)
            parts.append(part.select(*columns, measured, pl.lit(split).alias("split")))
        return pl.concat(parts).with_columns(pl.col("user", "query", "product").fill_null(-1))

    @cached_property
    def lost(self) -> Bool:
        """Which stored events name a user, query or product that the graph lacks: bool [stored events]."""
        known = [
            pl.col(name).is_between(least, self.graph.num_nodes[name], closed="left")
            for name, least in (("user", -1), ("query", 0), ("product", 0))
        ]
        return self.stored_events.select(~pl.all_horizontal(known)).to_series().to_numpy()

    @cached_property
    def events(self) -> pl.DataFrame:
        """The stored events without those that are lost."""
        return self.stored_events.filter(~self.lost) if self.lost.any() else self.stored_events

    @cached_property
    def user(self) -> Int32:
        return self.events["user"].to_numpy()

    @cached_property
    def query(self) -> Int32:
        return self.events["query"].to_numpy()

    @cached_property
    def product(self) -> Int32:
        return self.events["product"].to_numpy()

    @cached_property
    def time(self) -> Int64:
        return self.events["time"].to_numpy()

    @cached_property
    def positive(self) -> Bool:
        """Which events are positive interactions: bool [events]."""
        return self.acted(self.graph.positive_actions)

    @cached_property
    def measured(self) -> Bool:
        """Which events a split measures: bool [events]."""
        return self.events[MEASURED].to_numpy()

    def acted(self, actions: Iterable[str]) -> Bool:
        """Return which events are of some actions, bool [events]."""
        return self.events["action"].is_in(list(actions)).to_numpy()

    def in_period(self, split: str) -> Bool:
        """Return which events are stored as examples of a period, bool [events]."""
        return (self.events["split"] == split).to_numpy()

    def event_examples(self, rows: Int64 | Int32, events: pl.DataFrame | None = None) -> tuple[Example, ...]:
        """Name the first few of some events."""
        first = (self.events if events is None else events)[np.asarray(rows)[:MOST_EXAMPLES]]
        return tuple(
            {
                "user_id": self.id_of("user", user) if user >= 0 else None,
                "query": self.id_of("query", query),
                "product_id": self.id_of("product", product),
                "action": action,
                "time": time_text(time),
            }
            for user, query, product, action, time in first.select("user", "query", "product", "action", "time").iter_rows()
        )

    def node_examples(self, node_type: str, rows: Int64 | Int32) -> tuple[Example, ...]:
        """Name the first few of some nodes."""
        name = self.graph.nodes(node_type).columns[0]
        return tuple({name: self.id_of(node_type, int(row))} for row in rows[:MOST_EXAMPLES])

    def edge_examples(self, edge_type: EdgeType, source: Int32, target: Int32, time: Int64 | None = None) -> tuple[Example, ...]:
        """Name the first few of some edges.

        Shapes:
            - source, target: [n]
            - time: [n], µs
        """
        first, second = (self.graph.nodes(node_type).columns[0] for node_type in (edge_type[0], edge_type[2]))
        second = f"other_{second}" if second == first else second
        return tuple(
            {
                first: self.id_of(edge_type[0], int(source[row])),
                second: self.id_of(edge_type[2], int(target[row])),
                "relation": edge_type[1],
                **({} if time is None else {"time": time_text(int(time[row]))}),
            }
            for row in range(min(len(source), MOST_EXAMPLES))
        )

    def id_of(self, node_type: str, number: int) -> str | int:
        """Return the shop's own id of a node, or a remark where the number is none of a node."""
        ids = self.graph.nodes(node_type).to_series(0)
        found: str | int = ids[number] if 0 <= number < len(ids) else f"no {node_type} (number {number} of {len(ids)})"
        return found


def time_text(time: int) -> str:
    """Return a time in µs as text, UTC to the second."""
    return f"{to_datetime(time):%Y-%m-%d %H:%M:%S}"
