"""Check that training sees no events from a cut on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnn_search.arrays import Bool, Int64, sorted_unique
from gnn_search.audit.check import Check, Observation, observe
from gnn_search.audit.repeats import misplaced_copies
from gnn_search.audit.shop import AuditedShop, time_text
from gnn_search.graph.csr import Csr
from gnn_search.graph.store import EdgeType

_REBUILD = "Build the graph again, and train anew."


def _look(shop: AuditedShop) -> Iterator[Observation]:
    for split, cut in (("train", "validation"), ("validation", "test")):
        late = np.flatnonzero(shop.in_period(split) & (shop.time >= shop.cuts[cut]))
        yield from observe(
            "error",
            late,
            meaning=f"examples/{split}.parquet holds events at or after {time_text(shop.cuts[cut])}, when {cut} starts: what is "
            "measured there was learned from.",
            advice=_REBUILD,
            examples=shop.event_examples(late),
        )
    for split, start in shop.cuts.items():
        early = np.flatnonzero(shop.in_period(split) & (shop.time < start) & ~misplaced_copies(shop))
        yield from observe(
            "error",
            early,
            meaning=f"examples/{split}.parquet holds events from before {time_text(start)}, when {split} starts: their own edges are "
            "visible when they are scored.",
            advice=_REBUILD,
            examples=shop.event_examples(early),
        )
    for edge_type, relation in shop.graph.relations.items():
        if relation.timed:
            yield from _out_of_order(shop, edge_type)


def _out_of_order(shop: AuditedShop, edge_type: EdgeType) -> Iterator[Observation]:
    """Yield rows that are not sorted by time: a view takes a prefix for the past, which then holds later edges."""
    csr = shop.graph.csr(edge_type)
    time = np.asarray(csr.time)
    descends = time[1:] < time[:-1]
    starts = np.asarray(csr.indptr[1:-1])
    descends[starts[(starts > 0) & (starts < len(time))] - 1] = False
    if not descends.any():
        return
    seen_too_early = _visible_from(shop, edge_type, csr, shop.manifest.test_start)
    broken = sorted_unique(np.searchsorted(csr.indptr, np.flatnonzero(descends), side="right") - 1)
    shown = seen_too_early if len(seen_too_early) else np.flatnonzero(descends)
    yield Observation(
        severity="error",
        count=len(broken),
        meaning=f"Rows of the relation {'--'.join(edge_type)} are not sorted by time, so a view of the past shows later edges: "
        f"{len(seen_too_early):,} from the test period are visible before it.",
        advice=_REBUILD,
        examples=shop.edge_examples(
            edge_type, np.asarray(csr.index)[shown], (np.searchsorted(csr.indptr, shown, side="right") - 1).astype(np.int32), time[shown]
        ),
    )


def _visible_from(shop: AuditedShop, edge_type: EdgeType, csr: Csr, cut: int) -> Int64:
    """Return the places of the edges at or after a cut that the view before it shows, int64 [n]."""
    view = shop.graph.before(cut).edges(edge_type)
    change = np.zeros(csr.num_edges + 1, np.int64)
    np.add.at(change, view.starts, 1)
    np.add.at(change, view.ends, -1)
    shown: Bool = np.cumsum(change[:-1]) > 0
    return np.flatnonzero(shown & (np.asarray(csr.time) >= cut))


CHECKS = (Check("later-events", "events at or after a cut that training sees", _look),)
