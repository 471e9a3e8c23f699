"""Check times: whole days, order only, outliers, cuts in busy hours, small periods."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, observe, share
from gnn_search.audit.shop import DAY, AuditedShop, time_text
from gnn_search.config.recipe import Recipe

_HOUR = DAY // 24
_MOST_AT_ONE_TIME = 0.5
"""Share of all events at one time of day above which times are days."""
_FEWEST_A_DAY = 50
"""Events of a day below which one time of day may be chance."""
_FEWEST_USERS = 20
_NEARLY_ALL = 0.95
_APART = 5
"""Spans of the middle 98 % of the events that an event must be away from them to stand apart."""
_FIRST_YEAR = 1995
_FEWEST_IN_ALL = 10_000
"""Events below which the hours of a day say little."""
_FEWEST_INTERACTIONS = 1000


def _whole_days(shop: AuditedShop) -> Iterator[Observation]:
    of_day = shop.time % DAY
    values, count = np.unique(of_day, return_counts=True)
    top = int(np.argmax(count))
    if count[top] > _MOST_AT_ONE_TIME * len(of_day):
        yield Observation(
            severity="warning",
            count=int(count[top]),
            meaning=f"{share(int(count[top]), len(of_day))} of the events stand at {time_text(int(values[top]))[11:]}: times are days, "
            "so the order within a day is that of the file, and a user's history lacks the day itself.",
            advice="Log the time of day; until then cut at midnight and distrust what depends on the order within a day.",
            examples=shop.event_examples(np.flatnonzero(of_day == values[top])),
        )
        return
    days = (
        pl.DataFrame({"day": shop.time // DAY, "of_day": of_day})
        .group_by("day")
        .agg(pl.len().alias("events"), (pl.col("of_day").min() == pl.col("of_day").max()).alias("one"), pl.col("of_day").first())
        .filter(pl.col("one") & (pl.col("events") >= _FEWEST_A_DAY))
        .sort("day")
    )
    if days.height:
        yield Observation(
            severity="warning",
            count=days.height,
            meaning="On some days all events have one time, as after a manual load or with a lost clock; sessions and the order of "
            "events are lost on them.",
            advice="Check what was loaded on these days; leave them out, or restore their times.",
            examples=tuple(
                {"day": time_text(day * DAY)[:10], "time": time_text(day * DAY + at)[11:], "events": events}
                for day, events, at in days.select("day", "events", "of_day").head(MOST_EXAMPLES).iter_rows()
            ),
        )


def _order_alone(shop: AuditedShop) -> Iterator[Observation]:
    known = shop.user >= 0
    size = shop.graph.num_nodes["user"]
    tested = np.bincount(shop.user[known & shop.in_period("test")], minlength=size)
    before = np.bincount(shop.user[known & (shop.time < shop.manifest.test_start)], minlength=size)
    known_before = before > 0
    if known_before.sum() < _FEWEST_USERS or (tested[known_before] == 1).mean() < _NEARLY_ALL:
        return
    rows, once = np.flatnonzero(known & shop.in_period("test")), int((tested[known_before] == 1).sum())
    declared = Recipe.model_validate(shop.manifest.recipe).tables.clock == "order"
    yield Observation(
        severity="note" if declared else "warning",
        count=once,
        meaning=f"The test period holds exactly one event of {share(once, int(known_before.sum()))} of the users: times only keep "
        "the order (a leave-last-out split written as times), so "
        + ("ages are counted in events, and season and trend mean nothing." if declared else "age, season and trend mean nothing."),
        advice="Use real times with cuts in time where you have them; else "
        + ("" if declared else "say tables.events.clock: order in the recipe, and ")
        + "don't read figures as a forecast.",
        examples=shop.event_examples(rows),
    )


def _apart(shop: AuditedShop) -> Iterator[Observation]:
    low, high = np.quantile(shop.time, [0.01, 0.99])
    span = max(high - low, DAY)
    old = (np.datetime64(str(_FIRST_YEAR)) - np.datetime64("1970")).astype("timedelta64[us]").astype(np.int64)
    rows = np.flatnonzero((shop.time < low - _APART * span) | (shop.time > high + _APART * span) | (shop.time < old))
    yield from observe(
        "warning",
        rows,
        meaning=f"Events stand far away from the others or before {_FIRST_YEAR}: an unset clock, or a time in another unit.",
        advice="Correct or remove them; one event far back makes windows of training without any other.",
        examples=shop.event_examples(rows),
    )


def _busy_cuts(shop: AuditedShop) -> Iterator[Observation]:
    if len(shop.time) < _FEWEST_IN_ALL:
        return
    hour = np.bincount(shop.time % DAY // _HOUR, minlength=24)
    # Six quiet hours are the shop's night, wherever its clock stands.
    night = int(np.argmin([np.roll(hour, -start)[:6].sum() for start in range(24)]))
    busy = [cut for cut in shop.cuts.values() if hour[[(cut // _HOUR - 1) % 24, cut // _HOUR % 24]].mean() > hour.mean()]
    if busy:
        yield Observation(
            severity="note",
            count=len(busy),
            meaning=f"Cuts lie in hours (UTC) when the shop is busy; its six quiet hours begin at {night}:00. Days and sessions are cut in "
            "two, and the times may be of another zone than the cuts.",
            advice="Cut in the quiet hours; see that the log's times are UTC, or give their offset.",
            examples=tuple({"cut": time_text(cut), "quiet_from": f"{night}:00"} for cut in busy),
        )


def _small_periods(shop: AuditedShop) -> Iterator[Observation]:
    for period in shop.cuts:
        count = int((shop.positive & shop.measured & shop.in_period(period)).sum())
        if count < _FEWEST_INTERACTIONS:
            yield Observation(
                severity="note",
                count=count,
                meaning=f"The {period} period holds {count:,} interactions to measure, fewer than {_FEWEST_INTERACTIONS:,}: intervals "
                "will be wide, and small differences can't be seen.",
                advice="Move the cut back, or gather more.",
            )


CHECKS = (
    Check("whole-day-times", "times that are days, and days whose events all have one time", _whole_days),
    Check("order-only-times", "times that only keep the order of events", _order_alone),
    Check("stray-times", "events years away from the others", _apart),
    Check("busy-cuts", "cuts in busy hours, as a wrong time zone makes them", _busy_cuts),
    Check("small-periods", "validation or test periods with few interactions", _small_periods),
)
