"""Leave last out, kept true to time: which moment to measure at, and whose last choice can be measured there.

In the usual form of this protocol each shopper's last choice is tested with everybody's other choices known, those of the months after it
among them. Here all cases of a period see the graph as of one moment, the period's start, and a shopper is measured only where this
moment lies after all but the last of the shopper's choices and not after that one. Each case is then answered with every earlier choice of
the shopper and nothing that came later, of anybody. The price is that shoppers whom no one moment divides so are not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.config.recipe import SplitByLast
from gnn_search.errors import TableError
from gnn_search.graph.csr import Int64
from gnn_search.graph.store import choices_among, to_datetime, to_time

_PLACE = "place"
_SESSION = "session_start"


@dataclass(frozen=True)
class _Tried:
    """Choices that a moment has to divide from those before them, one entry a shopper.

    Shapes:
        user: int64, number of the shopper; start: int64, µs, start of the session; end: int64, the session's last choice;
        before: int64, the last of all earlier choices.
    """

    user: Int64
    start: Int64
    end: Int64
    before: Int64

    def divided_by(self, moment: int) -> npt.NDArray[np.bool_]:
        """Say which have all earlier choices before a moment and none of their own."""
        return (self.before < moment) & (self.start >= moment)

    def ended_before(self, moment: int) -> _Tried:
        kept = self.end < moment
        return _Tried(self.user[kept], self.start[kept], self.end[kept], self.before[kept])


def cuts_of_last_choices(split: SplitByLast, events: pl.DataFrame) -> tuple[int, int]:
    """Return the starts of validation and test, µs: those of the split, or those that divide the most shoppers.

    Args:
        split: The recipe's part.
        events: `user_id`, `time`, `action` and, where there are sessions, `session_id`; sorted by time.

    Raises:
        TableError: No moment divides any shopper's last choice, or the one before it, from the choices before.
    """
    if split.validation is not None and split.test is not None:
        return to_time(split.validation), to_time(split.test)
    choices = _choices(events)
    test = _dividing(_ranked(choices, 0), "last choice")
    return _dividing(_ranked(choices, 1).ended_before(test), "choice before the last"), test


def measured_choices(events: pl.DataFrame, validation: int, test: int) -> pl.Series:
    """Say which events are measured: each divided shopper's last choice in test, and the one before the last in validation.

    Args:
        events: As in `cuts_of_last_choices`.
        validation: Start of validation, µs.
        test: Start of test, µs.

    Returns:
        Boolean, one entry an event.

    Raises:
        TableError: A period has none.
    """
    choices = _choices(events)
    measured = np.zeros(events.height, np.bool_)
    for name, moment, tried in (("test", test, _ranked(choices, 0)), ("validation", validation, _ranked(choices, 1).ended_before(test))):
        divided = tried.divided_by(moment)
        if not divided.any():
            raise TableError(
                f"events: {name} starts at {to_datetime(moment)}, which divides no shopper's choice from all those before it, so nothing "
                "can be measured; move the moments in the recipe's split, or leave them away"
            )
        wanted = pl.DataFrame({"user": tried.user[divided], _SESSION: tried.start[divided]})
        measured[choices.join(wanted, on=["user", _SESSION], how="semi")[_PLACE].to_numpy()] = True
    return pl.Series("measured", measured)


def _choices(events: pl.DataFrame) -> pl.DataFrame:
    """Return the choices of known shoppers: number of the shopper, time, start of the session, place among the events."""
    if "session_id" in events.columns:
        first = pl.col("time").min().over("user_id", "session_id")
        start = pl.when(pl.col("session_id").is_null()).then(pl.col("time")).otherwise(first)
    else:
        start = pl.col("time")
    actions = choices_among(sorted(events["action"].unique().to_list()))
    return (
        events.with_columns(start.alias(_SESSION))
        .with_row_index(_PLACE)
        .filter(pl.col("user_id").is_not_null() & pl.col("action").is_in(actions))
        .select(pl.col("user_id").rank("dense").cast(pl.Int64).alias("user"), "time", _SESSION, _PLACE)
    )


def _ranked(choices: pl.DataFrame, later: int) -> _Tried:
    """Return the session of each shopper that has `later` sessions after it, where there is one with others before it.

    Sessions that start at the same moment are one: nobody knows their order.
    """
    sessions = choices.group_by("user", _SESSION).agg(pl.col("time").max().alias("end")).sort("user", _SESSION)
    ranked = sessions.with_columns(
        (pl.len().over("user") - 1 - pl.int_range(pl.len()).over("user")).alias("later"),
        # A session may run on while the next one has begun, so its last choice is not always that of the session just before.
        pl.col("end").cum_max().shift(1).over("user").alias("before"),
    ).filter((pl.col("later") == later) & pl.col("before").is_not_null())
    return _Tried(*(ranked[name].to_numpy() for name in ("user", _SESSION, "end", "before")))


def _dividing(tried: _Tried, what: str) -> int:
    """Return the latest of the moments that divide the most: a sweep over the intervals (before, start]."""
    usable = tried.before < tried.start
    if not usable.any():
        raise TableError(
            f"events: no moment lies between any shopper's {what} and the choices before it, so last choices can't be split off; "
            "give a split by time"
        )
    start, before = np.sort(tried.start[usable]), np.sort(tried.before[usable])
    # Of an interval (before, start] the latest moment is its end, so one of the ends is the best: count the intervals that hold each.
    held = np.searchsorted(before, start, side="left") - np.searchsorted(start, start, side="left")
    return int(start[np.flatnonzero(held == held.max())[-1]])
