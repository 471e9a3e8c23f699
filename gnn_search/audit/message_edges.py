"""Check message relations for edges of later events, also in reverse relations and in parallel ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnn_search.arrays import Bool, Int64, sorted_unique
from gnn_search.audit.check import Check, Observation, observe, share
from gnn_search.audit.keys import pair_keys, row_keys, without_partner
from gnn_search.audit.repeats import misplaced_copies
from gnn_search.audit.shop import AuditedShop, time_text
from gnn_search.audit.stored_edges import StoredEdges, ends_of_events, event_relations, forward_of, read_edges
from gnn_search.graph.store import EdgeType

_NEVER = np.iinfo(np.int64).max
_REBUILD = "Build the graph again from its tables; a model trained on this graph has to be trained anew."


def _look(shop: AuditedShop) -> Iterator[Observation]:
    made, once = event_relations(shop), ~misplaced_copies(shop)
    for edge_type in shop.graph.edge_types:
        forward = forward_of(edge_type)
        if forward in made:
            yield from _of_events(shop, forward, read_edges(shop, edge_type), made[forward] & once)
        elif {edge_type[0], edge_type[2]} in ({"user", "product"}, {"query", "product"}, {"user", "query"}):
            yield from _beside(shop, forward, read_edges(shop, edge_type))


def _of_events(shop: AuditedShop, forward: EdgeType, edges: StoredEdges, events: Bool) -> Iterator[Observation]:
    """Each edge must be an event with its time, and each event an edge."""
    name = "--".join(edges.stored_as)
    if edges.time is None:
        yield Observation(
            severity="error",
            count=len(edges.source),
            meaning=f"The relation {name} is stored without times, so every view of the past shows all its edges, the test period's too.",
            advice=_REBUILD,
            examples=edges.examples(shop),
        )
        return
    source, target = ends_of_events(shop, forward, events)
    expected, found = row_keys(source, target, shop.time[events]), row_keys(edges.source, edges.target, edges.time)
    extra = without_partner(found, expected)
    missing = np.flatnonzero(events)[without_partner(expected, found)]
    ahead = extra[edges.time[extra] < _latest(shop, forward, events, edges, extra)]
    if len(ahead):
        early = ahead[edges.time[ahead] < shop.manifest.test_start]
        tested = np.isin(_pairs(shop, forward, edges, early), _event_pairs(shop, forward, events & shop.in_period("test")))
        yield Observation(
            severity="error",
            count=len(ahead),
            meaning=f"The relation {name} holds edges dated before their events: a view of the past shows later events. "
            f"{tested.sum():,} are visible before {time_text(shop.manifest.test_start)} and join the same nodes as events of the test "
            "period.",
            advice=_REBUILD,
            examples=edges.examples(shop, ahead),
        )
    elif len(extra) or len(missing):
        yield Observation(
            severity="warning",
            count=len(extra) + len(missing),
            meaning=f"The relation {name} does not match the events: {len(extra):,} edges have no event, {len(missing):,} events no edge.",
            advice=_REBUILD,
            examples=edges.examples(shop, extra) if len(extra) else shop.event_examples(missing),
        )


def _beside(shop: AuditedShop, forward: EdgeType, edges: StoredEdges) -> Iterator[Observation]:
    """A relation not made of events, between nodes that events join."""
    pairs = _pairs(shop, forward, edges, np.arange(len(edges.source)))
    first = _first_event(shop, forward, pairs)
    name = "--".join(edges.stored_as)
    if edges.time is None:
        known_early = np.flatnonzero((first >= shop.manifest.validation_start) & (first < _NEVER))
        yield from observe(
            "error",
            known_early,
            meaning=f"The relation {name} has no times and joins what events join for the first time in the validation or test "
            "period: the model is given the answers as messages.",
            advice="Leave the relation out, or give its edges the times at which they were known.",
            examples=edges.examples(shop, known_early),
        )
        return
    known_early = np.flatnonzero((edges.time < shop.manifest.test_start) & (first >= shop.manifest.test_start) & (first < _NEVER))
    if len(known_early):
        tested = sorted_unique(_event_pairs(shop, forward, _positives(shop, forward) & shop.in_period("test")))
        fresh = tested[_first_event(shop, forward, tested) >= shop.manifest.test_start]
        yield Observation(
            severity="warning",
            count=len(known_early),
            meaning=f"The relation {name} joins, before the test period, {share(len(sorted_unique(pairs[known_early])), len(fresh))} "
            "of the pairs that its events are the first to join.",
            advice="Make sure that its times are those at which the edges were known, not those of a later export.",
            examples=edges.examples(shop, known_early),
        )


def _pairs(shop: AuditedShop, forward: EdgeType, edges: StoredEdges, rows: Int64) -> Int64:
    return pair_keys(edges.source[rows], edges.target[rows], shop.graph.num_nodes[forward[2]])


def _event_pairs(shop: AuditedShop, forward: EdgeType, events: Bool) -> Int64:
    return pair_keys(*ends_of_events(shop, forward, events), shop.graph.num_nodes[forward[2]])


def _latest(shop: AuditedShop, forward: EdgeType, events: Bool, edges: StoredEdges, rows: Int64) -> Int64:
    """Return the time of the last event that joins what each of some edges joins, int64 [rows], the least number where there is none."""
    wanted = _pairs(shop, forward, edges, rows)
    distinct, row = np.unique(wanted, return_inverse=True)
    latest = np.full(len(distinct), np.iinfo(np.int64).min)
    _update(np.maximum, latest, distinct, _event_pairs(shop, forward, events), shop.time[events])
    return latest[row]


def _first_event(shop: AuditedShop, forward: EdgeType, pairs: Int64) -> Int64:
    """Return the time of the first positive interaction that joins each pair, int64 [pairs], `_NEVER` where there is none."""
    distinct, row = np.unique(pairs, return_inverse=True)
    first = np.full(len(distinct), _NEVER)
    rows = _positives(shop, forward)
    _update(np.minimum, first, distinct, _event_pairs(shop, forward, rows), shop.time[rows])
    return first[row]


def _positives(shop: AuditedShop, forward: EdgeType) -> Bool:
    """Return the positive interactions that join nodes of these types, bool [events]: only of known users where users are joined."""
    return shop.positive & (shop.user >= 0) if "user" in forward else shop.positive


def _update(better: np.ufunc, best: Int64, distinct: Int64, pairs: Int64, time: Int64) -> None:
    """Write into `best` the best time of each distinct pair."""
    among = np.isin(pairs, distinct)
    better.at(best, np.searchsorted(distinct, pairs[among]), time[among])


CHECKS = (Check("test-edges", "edges of later events in a message relation, its reverse or one beside it", _look),)
