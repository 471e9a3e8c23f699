"""Shoppers that are no persons, and sessions that a cut divides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.audit.check import Check
from gnn_search.audit.finding import MOST_EXAMPLES, Observation
from gnn_search.audit.shop import DAY, AuditedShop, moment

_MOST_A_DAY = 1000
"""Events a day above which a shopper is none: one a minute, awake for 17 hours."""
_MANY_SHOPPERS = 100
_MOST_OF_ALL = 0.05
"""Share of all events above which one of many shoppers is none."""
_PLACEHOLDERS = ("", "0", "-1", "null", "none", "nan", "na", "n/a", "unknown", "anonymous", "guest", "undefined", "test")
_TIMES_THE_MEDIAN = 10


def _superhuman(shop: AuditedShop) -> Iterator[Observation]:
    known = shop.user >= 0
    daily = (
        pl.DataFrame({"user": shop.user[known], "day": shop.time[known] // DAY})
        .group_by("user", "day")
        .len("events")
        .filter(pl.col("events") > _MOST_A_DAY)
        .sort("events", "user", descending=[True, False])
    )
    busiest = daily.unique("user", keep="first", maintain_order=True)
    if busiest.height:
        yield Observation(
            severity="warning",
            count=busiest.height,
            meaning=f"Shoppers have more than {_MOST_A_DAY:,} events on one day: robots, tills or accounts that many share, which teach "
            "what no person wants and weigh much in every mean.",
            advice="Leave them out of the events, or make their events anonymous (an empty user_id).",
            examples=tuple(
                {"user_id": shop.id_of("user", user), "day": moment(day * DAY)[:10], "events": events}
                for user, day, events in busiest.head(MOST_EXAMPLES).iter_rows()
            ),
        )


def _placeholders(shop: AuditedShop) -> Iterator[Observation]:
    events = np.bincount(shop.user[shop.user >= 0], minlength=shop.graph.num_nodes["user"])
    if not events.any():
        return
    ids = shop.graph.nodes("user").to_series(0).cast(pl.String).str.to_lowercase().str.strip_chars()
    named = ids.is_in(_PLACEHOLDERS).to_numpy() & (events > _TIMES_THE_MEDIAN * np.median(events[events > 0]))
    heavy = (events > _MOST_OF_ALL * events.sum()) & (np.count_nonzero(events) >= _MANY_SHOPPERS)
    rows = np.flatnonzero(named | heavy)
    if len(rows):
        yield Observation(
            severity="warning",
            count=len(rows),
            meaning="A user id stands for many people, or for nobody: it has far more events than the others, or is a word for 'no user'.",
            advice="Leave user_id empty for such events: they are then anonymous, each session on its own.",
            examples=tuple({"user_id": shop.id_of("user", int(row)), "events": int(events[row])} for row in rows[:MOST_EXAMPLES]),
        )


def _straddling(shop: AuditedShop) -> Iterator[Observation]:
    start = shop.events["session_start"].to_numpy()
    for period, cut in shop.cuts.items():
        rows = np.flatnonzero((start < cut) & (shop.time >= cut) & shop.measured)
        if len(rows):
            yield Observation(
                severity="warning",
                count=len(rows),
                meaning=f"Events of the {period} period are of sessions that began before its cut at {moment(cut)}: the first part of the "
                "session is seen when the rest is scored.",
                advice="Move the cut into a quiet hour, or check that session_id does not run for days.",
                examples=shop.event_examples(rows),
            )


SUPERHUMAN = Check("superhuman-users", "shoppers with more events than a person can have", _superhuman)
PLACEHOLDERS = Check("placeholder-users", "user ids that stand for nobody or for everybody", _placeholders)
STRADDLING_SESSIONS = Check("straddling-sessions", "sessions that a cut divides", _straddling)
