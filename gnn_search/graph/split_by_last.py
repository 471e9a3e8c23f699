"""Leave last out without looking ahead: which time to cut at, and whose last interaction can be measured there.

In the usual form of this protocol a user's last interaction is tested while everybody else's are known, even those of months later. Here
all cases of a period see the graph as of the period's start, and a user is measured only where that time lies after all but the last of the
user's interactions. So each case is answered with all that the user did before and nothing that anybody did later. The price is that users
whom no single time divides in this way are not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Int64
from gnn_search.config.recipe import SplitByLast
from gnn_search.errors import TableError
from gnn_search.graph.node_tables import first_of_session
from gnn_search.graph.store import positive_actions_among, to_datetime, to_time

_PLACE = "place"
_SESSION = "session_start"


@dataclass(frozen=True)
class _Tried:
    """Sessions that a time has to divide from those before them, one a user: its start, its last interaction, the last of all before it."""

    user: Int64
    start: Int64
    end: Int64
    before: Int64

    def divided_by(self, time: int) -> npt.NDArray[np.bool_]:
        """Say which have all earlier interactions before a time and none of their own."""
        return (self.before < time) & (self.start >= time)

    def ended_before(self, time: int) -> _Tried:
        kept = self.end < time
        return _Tried(self.user[kept], self.start[kept], self.end[kept], self.before[kept])


def cuts_by_last(split: SplitByLast, events: pl.DataFrame) -> tuple[int, int]:
    """Return the starts of validation and test, µs: those of the split, or those that divide the most users.

    Args:
        split: The recipe's part.
        events: `user_id`, `time`, `action` and, where there are sessions, `session_id`; sorted by time.

    Raises:
        TableError: No time divides any user's last interaction, or the one before it, from the interactions before.
    """
    if split.validation is not None and split.test is not None:
        return to_time(split.validation), to_time(split.test)
    interactions = _interactions(events)
    test = _dividing(_ranked(interactions, 0), "last interaction")
    return _dividing(_ranked(interactions, 1).ended_before(test), "interaction before the last"), test


def measured_by_last(events: pl.DataFrame, validation: int, test: int) -> pl.Series:
    """Say which events are measured: each divided user's last interaction in test, and the one before the last in validation.

    Args:
        events: As in `cuts_by_last`.
        validation: Start of validation, µs.
        test: Start of test, µs.

    Returns:
        Boolean, one entry an event.

    Raises:
        TableError: A period has none.
    """
    interactions = _interactions(events)
    measured = np.zeros(events.height, np.bool_)
    for name, time, tried in (
        ("test", test, _ranked(interactions, 0)),
        ("validation", validation, _ranked(interactions, 1).ended_before(test)),
    ):
        divided = tried.divided_by(time)
        if not divided.any():
            raise TableError(
                f"events: {name} starts at {to_datetime(time)}, which divides no user's interaction from all those before it, so nothing "
                "can be measured; move the times in the recipe's split, or leave them out"
            )
        wanted = pl.DataFrame({"user": tried.user[divided], _SESSION: tried.start[divided]})
        measured[interactions.join(wanted, on=["user", _SESSION], how="semi")[_PLACE].to_numpy()] = True
    return pl.Series("measured", measured)


def _interactions(events: pl.DataFrame) -> pl.DataFrame:
    """Return the interactions of known users: number of the user, time, start of the session, place among the events."""
    actions = positive_actions_among(sorted(events["action"].unique().to_list()))
    return (
        events.with_columns(first_of_session(events, "time").alias(_SESSION))
        .with_row_index(_PLACE)
        .filter(pl.col("user_id").is_not_null() & pl.col("action").is_in(actions))
        .select(pl.col("user_id").rank("dense").cast(pl.Int64).alias("user"), "time", _SESSION, _PLACE)
    )


def _ranked(interactions: pl.DataFrame, later: int) -> _Tried:
    """Return the session of each user that has `later` sessions after it, where there is one with others before it.

    Sessions that start at the same time are one: nobody knows their order.
    """
    sessions = interactions.group_by("user", _SESSION).agg(pl.col("time").max().alias("end")).sort("user", _SESSION)
    ranked = sessions.with_columns(
        (pl.len().over("user") - 1 - pl.int_range(pl.len()).over("user")).alias("later"),
        # A session may run on while the next one has begun, so its last interaction is not always that of the session just before.
        pl.col("end").cum_max().shift(1).over("user").alias("before"),
    ).filter((pl.col("later") == later) & pl.col("before").is_not_null())
    return _Tried(*(ranked[name].to_numpy() for name in ("user", _SESSION, "end", "before")))


def _dividing(tried: _Tried, what: str) -> int:
    """Return the latest of the times that divide the most: a sweep over the intervals (before, start]."""
    usable = tried.before < tried.start
    if not usable.any():
        raise TableError(
            f"events: no time lies between any user's {what} and the interactions before it, so last interactions can't be split off; "
            "give a split by time"
        )
    start, before = np.sort(tried.start[usable]), np.sort(tried.before[usable])
    # Of an interval (before, start] the latest time is its end, so one of the ends is the best: count the intervals that hold each.
    held = np.searchsorted(before, start, side="left") - np.searchsorted(start, start, side="left")
    return int(start[np.flatnonzero(held == held.max())[-1]])
