"""Say as of which moment the graph is asked."""

from __future__ import annotations

from datetime import datetime

from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph, to_time

NOW = "now"


def resolve_as_of(graph: Graph, moment: str | datetime | int | None) -> int:
    """Return a moment as µs since 1970.

    Args:
        graph: The graph.
        moment: An ISO 8601 date or time, UTC unless it says otherwise; the same as a `datetime`, or as µs since 1970; `now` for just after
            the last event; None for the start of the test period.

    Raises:
        RequestError: It is none of these.
    """
    if moment is None:
        return graph.manifest.test_start
    if isinstance(moment, datetime):
        return to_time(moment)
    if isinstance(moment, int) and not isinstance(moment, bool):
        return moment
    if not isinstance(moment, str):
        raise RequestError(f"the moment {moment!r} is no date or time; give a datetime, or a text such as 2017-11-20T18:00")
    if moment.strip().lower() == NOW:
        return graph.manifest.time_last + 1
    try:
        return to_time(datetime.fromisoformat(moment.strip()))
    except ValueError:
        raise RequestError(
            f"the moment {moment!r} is no ISO 8601 date or time; give one such as 2017-11-20 or 2017-11-20T18:00, or {NOW}"
        ) from None
