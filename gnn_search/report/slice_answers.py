"""For whom the model is better and for whom not, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from gnn_search.report.slice_findings import SliceFinding, Versus
from gnn_search.report.wording import listed, points

_NAMED = 5
"""Slices that a sentence names, at most."""


def for_whom(parts: Sequence[SliceFinding]) -> str:
    """Name the slices in which the model is significantly better than every other method."""
    judged = [part for part in parts if part.outcome not in ("too few", "alone")]
    won = sorted((part for part in judged if part.outcome == "wins"), key=_gain, reverse=True)
    if not won:
        return "In none of the slices that hold enough shoppers is it significantly better than every other method."
    return (
        f"In {len(won)} of {len(judged)} slices with enough shoppers it is significantly better than every other method; most in "
        f"{listed([f'{part.name} ({_told(part.strongest)} against {part.strongest.method})' for part in won[:_NAMED] if part.strongest])}."
    )


def for_whom_not(parts: Sequence[SliceFinding]) -> str:
    """Name the slices in which it is worse, behind or ahead without proof, and those of too few shoppers."""
    told = [
        f"{words}: {_named(sorted(found, key=_gain))}."
        for words, found in (
            ("Significantly worse than another method", [part for part in parts if part.outcome == "loses"]),
            ("Behind, but not proven", [part for part in parts if part.outcome == "level" and _gain(part) < 0]),
            (
                "Ahead, but not proven, as the tests are corrected for their number",
                [part for part in parts if part.outcome == "level" and _gain(part) >= 0],
            ),
            ("Too few shoppers to say", [part for part in parts if part.outcome == "too few"]),
        )
        if found
    ]
    return " ".join(told) or "There is no slice in which it does not win."


def _named(parts: Sequence[SliceFinding]) -> str:
    names = [f"{part.name} ({_told(part.strongest)})" if part.strongest else part.name for part in parts[:_NAMED]]
    return listed(names) if len(parts) <= _NAMED else f"{', '.join(names)}, and {len(parts) - _NAMED} more"


def _told(one: Versus) -> str:
    return f"{points(one.mean)} points, {points(one.low)} to {points(one.high)}"


def _gain(part: SliceFinding) -> float:
    return 0.0 if part.strongest is None else part.strongest.mean
