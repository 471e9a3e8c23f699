"""Check for copies of events on both sides of a cut, duplicate events, repeat interactions, and sessions that a cut divides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, UInt64
from gnn_search.audit.check import Check, Observation, observe, share
from gnn_search.audit.keys import row_keys
from gnn_search.audit.shop import AuditedShop, time_text
from gnn_search.tables.events import SPLITS

_MANY_DUPLICATES = 0.01
"""Share of the events above which duplicates are worth a warning."""


def misplaced_copies(shop: AuditedShop) -> Bool:
    """Return which examples lie outside their period and are, time and all, in the right one too: bool [events]."""
    start = {"train": np.iinfo(np.int64).min, **shop.cuts}
    end = {"train": shop.cuts["validation"], "validation": shop.cuts["test"], "test": np.iinfo(np.int64).max}
    outside = np.zeros(len(shop.time), np.bool_)
    for split in SPLITS:
        outside |= shop.in_period(split) & ((shop.time < start[split]) | (shop.time >= end[split]))
    if outside.any():
        keys = _event_keys(shop)
        outside &= np.isin(keys, keys[~outside])
    return outside


def _straddling(shop: AuditedShop) -> Iterator[Observation]:
    start = shop.events["split"].replace_strict({"train": 0, **shop.cuts}, return_dtype=pl.Int64).to_numpy()
    # A copy from after the cut is reported as an event that training may not see.
    copied = np.flatnonzero(misplaced_copies(shop) & ~shop.in_period("train") & (shop.time < start))
    yield from observe(
        "error",
        copied,
        meaning="Events are examples twice, with the same time, on both sides of a cut: what is measured there was learned from.",
        advice="Remove the copies from the events table, then build and train anew.",
        examples=shop.event_examples(copied),
    )


def _duplicates(shop: AuditedShop) -> Iterator[Observation]:
    # Two anonymous users may well interact with the same product at the same time.
    known = np.flatnonzero((shop.user >= 0) & ~misplaced_copies(shop))
    _, first, count = np.unique(_event_keys(shop)[known], return_index=True, return_counts=True)
    extra = int(count.sum() - len(count))
    if extra:
        yield Observation(
            severity="warning" if extra > _MANY_DUPLICATES * len(known) else "note",
            count=extra,
            meaning=f"Rows repeat an event of the same user, query, product, action and time ({share(extra, len(known))} of the events of "
            "known users), and count again in training.",
            advice="If the log delivers events more than once, remove the repeats; if they mean quantities, put these into a weight "
            "column.",
            examples=shop.event_examples(known[np.sort(first[count > 1])]),
        )


def _repeat_share(shop: AuditedShop) -> Iterator[Observation]:
    known = (shop.user >= 0) & shop.positive
    tested = np.flatnonzero(known & shop.measured & shop.in_period("test"))
    before = known & (shop.time < shop.manifest.test_start) & ~shop.in_period("test")
    keys = _triple_keys(shop)
    triples, first = np.unique(keys[tested], return_index=True)
    again = np.isin(triples, keys[before])
    if again.any():
        yield Observation(
            severity="note",
            count=int(again.sum()),
            meaning=f"Of the (user, query, product) triples of the test period {share(int(again.sum()), len(triples))} occurred before "
            "it: repeat interactions, which a list of the user's own past finds too.",
            advice="Read the slice 'first-time', and compare with own_history, before a model gets the credit.",
            examples=shop.event_examples(tested[np.sort(first[again])]),
        )


def _triple_keys(shop: AuditedShop) -> UInt64:
    return row_keys(shop.user, shop.query, shop.product)


def _event_keys(shop: AuditedShop) -> UInt64:
    action = shop.events["action"].rank("dense").to_numpy()
    return row_keys(shop.user, shop.query, shop.product, action, shop.time)


def _sessions(shop: AuditedShop) -> Iterator[Observation]:
    start = shop.events["session_start"].to_numpy()
    for period, cut in shop.cuts.items():
        rows = np.flatnonzero((start < cut) & (shop.time >= cut) & shop.measured)
        yield from observe(
            "warning",
            rows,
            meaning=f"Events of the {period} period are of sessions that began before its cut at {time_text(cut)}: the first part of "
            "the session is visible when the rest is scored.",
            advice="Move the cut into a quiet hour, or check that session_id does not run for days.",
            examples=shop.event_examples(rows),
        )


CHECKS = (
    Check("straddling-copies", "the same event, time and all, on both sides of a cut", _straddling),
    Check("duplicate-events", "events that are in the table twice", _duplicates),
    Check("repeat-interactions", "the same (user, query, product) before and in the test period", _repeat_share),
    Check("straddling-sessions", "sessions that a cut divides", _sessions),
)
