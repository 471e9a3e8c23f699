"""Check that both directions of a relation hold the same edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnn_search.arrays import UInt64
from gnn_search.audit.check import Check, Observation
from gnn_search.audit.keys import row_keys, without_partner
from gnn_search.audit.shop import AuditedShop
from gnn_search.audit.stored_edges import REVERSE, StoredEdges, event_relations, read_edges

_REBUILD = "Build the graph again."


def _look(shop: AuditedShop) -> Iterator[Observation]:
    made = event_relations(shop)
    # Relations of events are compared with the events, in both directions.
    for edge_type in shop.graph.edge_types:
        source, name, target = edge_type
        mirror = (target, REVERSE + name, source)
        if edge_type in made or name.startswith(REVERSE) or mirror not in shop.graph.relations:
            continue
        one, other = read_edges(shop, edge_type), read_edges(shop, mirror)
        lone = [(one, without_partner(_keys(one), _keys(other))), (other, without_partner(_keys(other), _keys(one)))]
        count = len(lone[0][1]) + len(lone[1][1])
        if count:
            edges, rows = lone[0] if len(lone[0][1]) else lone[1]
            yield Observation(
                severity="error",
                count=count,
                meaning=f"The relations {'--'.join(edge_type)} and {'--'.join(mirror)} do not mirror each other: "
                f"{len(lone[0][1]):,} edges are only in the first and {len(lone[1][1]):,} only in the second, so messages flow along edges "
                "that the other direction lacks.",
                advice=_REBUILD,
                examples=edges.examples(shop, rows),
            )


def _keys(edges: StoredEdges) -> UInt64:
    time = np.zeros(len(edges.source), np.int64) if edges.time is None else edges.time
    return row_keys(edges.source, edges.target, time, edges.weight)


CHECKS = (Check("mirrors", "reverse relations that do not mirror the forward ones", _look),)
