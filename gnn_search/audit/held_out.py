"""Check that held-out users and products are unknown before the test period."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.arrays import Int32, expand_ranges
from gnn_search.audit.check import Check, Observation, observe
from gnn_search.audit.shop import AuditedShop, time_text
from gnn_search.graph.hold_out import HELD_OUT, NEW_PRODUCT, NEW_USER
from gnn_search.graph.store import EdgeType

_REBUILD = "Build the graph again from its tables, and train anew."


def _look(shop: AuditedShop) -> Iterator[Observation]:
    if HELD_OUT not in shop.manifest.num_examples:
        return
    held = shop.graph.examples(HELD_OUT)
    nodes: dict[str, Int32] = {
        kind: held.filter(pl.col(mark))[kind].unique().sort().to_numpy() for kind, mark in (("user", NEW_USER), ("product", NEW_PRODUCT))
    }
    early = shop.time < shop.manifest.test_start
    known = np.flatnonzero(early & (np.isin(shop.user, nodes["user"]) | np.isin(shop.product, nodes["product"])))
    yield from observe(
        "error",
        known,
        meaning=f"Examples from before {time_text(shop.manifest.test_start)} are of held-out users or products: what is measured as "
        "new was learned from.",
        advice=_REBUILD,
        examples=shop.event_examples(known),
    )
    for edge_type in shop.graph.edge_types:
        if edge_type[2] in nodes and edge_type[0] != "category":
            yield from _seen(shop, edge_type, nodes[edge_type[2]])


def _seen(shop: AuditedShop, edge_type: EdgeType, rows: Int32) -> Iterator[Observation]:
    """Yield edges of held-out nodes that a view before the test period shows; each relation is stored in both directions."""
    view = shop.graph.before(shop.manifest.test_start).edges(edge_type)
    row, place = expand_ranges(view.starts[rows], view.ends[rows])
    yield from observe(
        "error",
        place,
        meaning=f"The relation {'--'.join(edge_type)} shows edges of held-out nodes before {time_text(shop.manifest.test_start)}: what "
        "is measured as new is known.",
        advice=_REBUILD,
        examples=shop.edge_examples(edge_type, np.asarray(view.csr.index)[place], rows[row]),
    )


CHECKS = (Check("held-out", "events and edges of held-out users and products from before the test period", _look),)
