"""Read a stored relation as source and target, whichever direction is stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Bool, Float32, Int32, Int64
from gnn_search.audit.check import MOST_EXAMPLES, Example
from gnn_search.audit.shop import AuditedShop
from gnn_search.graph.store import EdgeType

REVERSE = "rev_"


@dataclass(frozen=True)
class StoredEdges:
    """Edges in the order in which they are stored.

    Shapes:
        - source, target: int32 [edges]
        - time: int64 [edges] in µs, None where the relation has none
        - weight: float32 [edges]
    """

    stored_as: EdgeType
    source: Int32
    target: Int32
    time: Int64 | None
    weight: Float32

    def examples(self, shop: AuditedShop, rows: Int64 | None = None) -> tuple[Example, ...]:
        """Name the first few of some of the edges; by default of all."""
        few = np.arange(min(len(self.source), MOST_EXAMPLES)) if rows is None else rows[:MOST_EXAMPLES]
        time = None if self.time is None else self.time[few]
        return shop.edge_examples(forward_of(self.stored_as), self.source[few], self.target[few], time)


def forward_of(edge_type: EdgeType) -> EdgeType:
    """Return the relation that a reverse one mirrors; of a forward one itself."""
    source, name, target = edge_type
    return (target, name.removeprefix(REVERSE), source) if name.startswith(REVERSE) else edge_type


def read_edges(shop: AuditedShop, edge_type: EdgeType) -> StoredEdges:
    """Read a relation from disk, with sources and targets as those of the forward relation."""
    csr = shop.graph.csr(edge_type)
    row = np.repeat(np.arange(csr.num_rows, dtype=np.int32), np.diff(csr.indptr))
    index = np.asarray(csr.index)
    source, target = (row, index) if edge_type[1].startswith(REVERSE) else (index, row)
    return StoredEdges(edge_type, source, target, None if csr.time is None else np.asarray(csr.time), np.asarray(csr.weight))


def event_relations(shop: AuditedShop) -> dict[EdgeType, Bool]:
    """Return the forward relations made of events, each with its events: bool [events]."""
    known = shop.user >= 0
    made: dict[EdgeType, Bool] = {("user", action, "product"): known & shop.acted([action]) for action in shop.manifest.actions}
    made["query", "leads_to", "product"] = shop.positive
    made["user", "issues", "query"] = known
    return made


def ends_of_events(shop: AuditedShop, edge_type: EdgeType, rows: Bool) -> tuple[Int32, Int32]:
    """Return the nodes that a relation of these types would join for some events, two int32 [rows that are true]."""
    of = {"user": shop.user, "query": shop.query, "product": shop.product}
    return of[edge_type[0]][rows], of[edge_type[2]][rows]
