"""Figures and lists as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_P = 0.01
"""Each test of a family adds a hundred permutations, so that no corrected p-value lies below."""


def percent(value: float) -> str:
    """Return a share as a text.

    >>> percent(0.64849), percent(1.0)
    ('64.8 %', '100.0 %')
    """
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """Return a difference of shares in percentage points.

    >>> points(0.0387), points(-0.004), points(-0.0001)
    ('+3.9', '-0.4', '+0.0')
    """
    # Adding 0 takes the sign from a rounded nothing.
    return f"{round(100 * value, 1) + 0.0:+.1f}"


def p_value(value: float) -> str:
    """Return a p-value after Holm's correction as a text; no test can show less than a hundredth, whatever their number.

    >>> p_value(0.04567), p_value(0.0099)
    ('p = 0.046', 'p ≤ 0.01')
    """
    return f"p = {value:.3f}" if value > LEAST_P else f"p ≤ {LEAST_P}"


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
