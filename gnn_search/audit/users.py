"""Check for users who are no persons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, observe
from gnn_search.audit.shop import DAY, AuditedShop, time_text

_MOST_A_DAY = 1000
"""Events a day above which a user is no person: one a minute for 17 hours."""
_MANY_USERS = 100
_MOST_OF_ALL = 0.05
"""Share of all events above which one of many users is no person."""
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
            meaning=f"Users have more than {_MOST_A_DAY:,} events on one day: robots, tills or shared accounts, which distort training and "
            "weigh much in every mean.",
            advice="Leave them out of the events, or make their events anonymous (an empty user_id).",
            examples=tuple(
                {"user_id": shop.id_of("user", user), "day": time_text(day * DAY)[:10], "events": events}
                for user, day, events in busiest.head(MOST_EXAMPLES).iter_rows()
            ),
        )


def _placeholders(shop: AuditedShop) -> Iterator[Observation]:
    events = np.bincount(shop.user[shop.user >= 0], minlength=shop.graph.num_nodes["user"])
    if not events.any():
        return
    ids = shop.graph.nodes("user").to_series(0).cast(pl.String).str.to_lowercase().str.strip_chars()
    named = ids.is_in(_PLACEHOLDERS).to_numpy() & (events > _TIMES_THE_MEDIAN * np.median(events[events > 0]))
    heavy = (events > _MOST_OF_ALL * events.sum()) & (np.count_nonzero(events) >= _MANY_USERS)
    rows = np.flatnonzero(named | heavy)
    yield from observe(
        "warning",
        rows,
        meaning="A user id stands for many users, or for none: it has far more events than the others, or is a word for 'no user'.",
        advice="Leave user_id empty for such events: they are then anonymous, each session on its own.",
        examples=tuple({"user_id": shop.id_of("user", int(row)), "events": int(events[row])} for row in rows[:MOST_EXAMPLES]),
    )


CHECKS = (
    Check("superhuman-users", "users with more events than a person can have", _superhuman),
    Check("placeholder-users", "user ids that stand for no user or for many", _placeholders),
)
