"""Check derived edges: none may be computed from data later than the time from which they are visible."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from gnn_search.arrays import Int32, Int64, spread_evenly
from gnn_search.audit.check import Check, Observation, observe
from gnn_search.audit.keys import pair_keys
from gnn_search.audit.shop import AuditedShop
from gnn_search.audit.stored_edges import StoredEdges, forward_of, read_edges

_BOUGHT_WITH = ("product", "bought_with", "product")
_LOOKED_AT = 2000
"""Edges of each snapshot that are held to the events; one that was made of later data has many that fail."""
_REBUILD = "Build the graph again from its tables; a model trained on this graph has to be trained anew."


def _bought_with(shop: AuditedShop) -> Iterator[Observation]:
    settings = shop.manifest.recipe["edges"]["bought_with"]
    if _BOUGHT_WITH not in shop.graph.relations or settings is None:
        return
    edges = read_edges(shop, _BOUGHT_WITH)
    snapshots = shop.graph.relations[_BOUGHT_WITH].snapshots
    if edges.time is None or not snapshots:
        yield Observation(
            severity="error",
            count=len(edges.source),
            meaning="The relation bought_with has no snapshots, so products bought together in the test period are visible before it.",
            advice=_REBUILD,
            examples=edges.examples(shop),
        )
        return
    looked_at, failed = 0, []
    for snapshot in (made for made in snapshots if made <= shop.manifest.test_start):
        shown = np.flatnonzero(edges.time == snapshot - 1)
        rows = shown[spread_evenly(len(shown), _LOOKED_AT)]
        most = _most_shared(shop, edges.source[rows], edges.target[rows], snapshot, by_user=settings["by"] == "user")
        failed.append(rows[most < settings["min_count"]])
        looked_at += len(rows)
    rows = np.concatenate([*failed, np.empty(0, np.int64)]).astype(np.int64)
    yield from observe(
        "error",
        rows,
        meaning=f"Of {looked_at:,} edges bought_with that were checked, these join products that had not been bought together "
        f"{settings['min_count']} times when the edge becomes visible: they were counted with later data.",
        advice=_REBUILD,
        examples=edges.examples(shop, rows),
    )


def _most_shared(shop: AuditedShop, a: Int32, b: Int32, before: int, *, by_user: bool) -> Int64:
    """Return in how many baskets, at most, both of two products were bought before a time, int64 [pairs].

    Examples identify a session by user and start, which two sessions may share; so each such group counts as many baskets as it has rows
    of the rarer product.

    Shapes:
        - a, b: int32 [pairs]
    """
    among = np.zeros(shop.graph.num_nodes["product"], np.bool_)
    among[a], among[b] = True, True
    rows = np.flatnonzero(shop.positive & (shop.time < before) & among[shop.product] & ((shop.user >= 0) | (not by_user)))
    start = shop.events["session_start"].to_numpy()[rows]
    group = shop.user[rows].astype(np.int64)
    if not by_user:
        starts, number = np.unique(start, return_inverse=True)
        group = (group + 1) * (len(starts) + 1) + number
    baskets, basket = np.unique(group, return_inverse=True)
    shape = (len(among), max(len(baskets), 1))
    bought = sp.csr_array((np.ones(len(rows), np.int64), (shop.product[rows], basket)), shape=shape)
    return np.asarray(bought[a].minimum(bought[b]).sum(axis=1), dtype=np.int64).reshape(-1)


def _query_categories(shop: AuditedShop) -> Iterator[Observation]:
    for edge_type in shop.graph.edge_types:
        if {edge_type[0], edge_type[2]} == {"query", "category"}:
            yield from _of_categories(shop, read_edges(shop, edge_type))


def _of_categories(shop: AuditedShop, edges: StoredEdges) -> Iterator[Observation]:
    """An edge query -> category may be visible from the query's first positive interaction in the category, or in one below it."""
    forward = forward_of(edges.stored_as)
    query, category = (edges.source, edges.target) if forward[0] == "query" else (edges.target, edges.source)
    num_categories = shop.graph.taxonomy.num_categories
    ancestors = shop.graph.taxonomy.ancestors()
    own = np.asarray(shop.graph.taxonomy.product_category)[shop.product]
    positives = np.flatnonzero(shop.positive & (own >= 0))
    above = ancestors[own[positives]]
    place, level = np.nonzero(above >= 0)
    pair = pair_keys(shop.query[positives][place], above[place, level], num_categories)
    # Events are in time order inside a period, and the periods follow each other: a stable order by time puts the first one first.
    order = np.argsort(shop.time[positives][place], kind="stable")
    distinct, first = np.unique(pair[order], return_index=True)
    first_time = shop.time[positives][place][order][first]
    wanted = pair_keys(query, category, num_categories)
    at = np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)
    known = distinct[at] == wanted
    shown_from = np.full(len(wanted), shop.manifest.validation_start - 1) if edges.time is None else edges.time
    later = np.flatnonzero(known & (first_time[at] > shown_from))
    yield from observe(
        "error",
        later,
        meaning=f"Edges of the relation {'--'.join(edges.stored_as)} are visible before the query had an interaction in the category: "
        f"they were computed with later data ({'no times, so ' if edges.time is None else ''}seen before it happened).",
        advice="Compute the relation from what was known at each time, and give its edges these times.",
        examples=edges.examples(shop, later),
    )


CHECKS = (
    Check("bought-with", "edges between products bought together that were counted with later data", _bought_with),
    Check("query-categories", "edges from queries to categories that were computed with later data", _query_categories),
)
