"""Read a cut-off time as a user writes it."""

from __future__ import annotations

from datetime import datetime

from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph, to_time

_LATEST = "now"
"""Stands for just after the last event."""


def resolve_as_of(graph: Graph, as_of: str | datetime | int | None) -> int:
    """Return a cut-off time as µs since 1970.

    Args:
        graph: The graph.
        as_of: An ISO 8601 date or time, UTC unless it says otherwise; the same as a `datetime`, or as µs since 1970; `now` for just after
            the last event; None for the start of the test period.

    Raises:
        RequestError: It is none of these.
    """
    if as_of is None:
        return graph.manifest.test_start
    if isinstance(as_of, datetime):
        return to_time(as_of)
    if isinstance(as_of, int) and not isinstance(as_of, bool):
        return as_of
    if not isinstance(as_of, str):
        raise RequestError(f"the time {as_of!r} is no date or time; give a datetime, or a text such as 2017-11-20T18:00")
    if as_of.strip().lower() == _LATEST:
        return graph.manifest.time_last + 1
    try:
        return to_time(datetime.fromisoformat(as_of.strip()))
    except ValueError:
        raise RequestError(
            f"the time {as_of!r} is no ISO 8601 date or time; give one such as 2017-11-20 or 2017-11-20T18:00, or {_LATEST}"
        ) from None
