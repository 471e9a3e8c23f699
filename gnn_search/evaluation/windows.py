"""Summarise evaluations of one recipe in several windows of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, stdev

from pydantic import Field

from gnn_search.config.base import StrictModel
from gnn_search.errors import RequestError
from gnn_search.evaluation.result import Evaluation, Score
from gnn_search.graph.store import to_datetime

_Key = tuple[str, str, str, int]


class Spread(StrictModel):
    """One number a window. Each window counts the same, however many cases it has."""

    method: str
    slice: str
    metric: str
    k: int
    cases: tuple[int, ...] = Field(description="Cases of each window that count in the slice.")
    users: tuple[int, ...] = Field(description="Users of each window who have these cases.")
    values: tuple[float, ...] = Field(description="The windows' means, the earliest window first.")
    mean: float
    deviation: float = Field(description="Standard deviation between the windows (n - 1).")
    low: float = Field(description="Least of the values.")
    high: float = Field(description="Greatest of the values.")


class DifferenceSpread(Spread):
    """The reference minus one method."""

    reference: str
    better: int = Field(description="Windows in which the whole interval lies above zero.")
    worse: int = Field(description="Windows in which the whole interval lies below zero.")


class WindowSummary(StrictModel):
    """Every method in every slice that all windows have, by every measure."""

    graph: str
    times: tuple[int, ...] = Field(description="The methods saw the graph as of these times, µs since 1970 UTC, ascending.")
    cases: tuple[int, ...] = Field(description="Cases of each window.")
    k: tuple[int, ...]
    methods: tuple[str, ...]
    slices: tuple[str, ...]
    reference: str | None
    scores: tuple[Spread, ...]
    differences: tuple[DifferenceSpread, ...]


def summarise_windows(evaluations: Mapping[str, Evaluation]) -> WindowSummary:
    """Summarise the evaluations of several windows, given by name.

    The intervals of one evaluation show how other users would change a figure; the spread between windows shows how another time would.

    Raises:
        RequestError: There is only one, two are of the same window, or they are not of the same recipe, cut-offs and reference.
    """
    if len(evaluations) < 2:
        raise RequestError(f"expected evaluations of at least two windows, got {len(evaluations)}; build further ones with --back")
    first_name, first = next(iter(evaluations.items()))
    for name, one in evaluations.items():
        for what in ("graph", "k", "reference"):
            if getattr(one, what) != getattr(first, what):
                raise RequestError(
                    f"{name} has the {what} {getattr(one, what)} and {first_name} {getattr(first, what)}; windows are of one recipe, "
                    "evaluated in one way"
                )
    ordered = sorted(evaluations.items(), key=lambda item: item[1].time)
    for (earlier, one), (later, other) in pairwise(ordered):
        if one.time == other.time:
            raise RequestError(
                f"{earlier} and {later} are both of the window that starts at {to_datetime(one.time)}; give one of each window"
            )
    runs = [one for _, one in ordered]
    return WindowSummary(
        graph=first.graph,
        times=tuple(run.time for run in runs),
        cases=tuple(run.cases for run in runs),
        k=first.k,
        methods=_common([run.methods for run in runs]),
        slices=_common([run.slices for run in runs]),
        reference=first.reference,
        scores=tuple(Spread(**found) for found, _ in _spreads([run.scores for run in runs])),
        differences=tuple(
            DifferenceSpread(
                **found,
                reference=str(first.reference),
                better=sum(one.low > 0 for one in same),
                worse=sum(one.high < 0 for one in same),
            )
            for found, same in _spreads([run.differences for run in runs])
        ),
    )


def _common(names: Sequence[Iterable[str]]) -> tuple[str, ...]:
    """Return what all have, in the order of the first."""
    others = [set(one) for one in names[1:]]
    return tuple(name for name in names[0] if all(name in other for other in others))


def _spreads(windows: Sequence[Sequence[Score]]) -> Iterator[tuple[dict[str, object], list[Score]]]:
    """Yield what all windows have, with its scores in the order of the windows."""
    found: list[dict[_Key, Score]] = [{(one.method, one.slice, one.metric, one.k): one for one in window} for window in windows]
    for key in found[0]:
        if not all(key in window for window in found):
            continue
        same = [window[key] for window in found]
        values = tuple(one.mean for one in same)
        yield (
            {
                **dict(zip(("method", "slice", "metric", "k"), key, strict=True)),
                "cases": tuple(one.cases for one in same),
                "users": tuple(one.users for one in same),
                "values": values,
                "mean": fmean(values),
                "deviation": stdev(values),
                "low": min(values),
                "high": max(values),
            },
            same,
        )
