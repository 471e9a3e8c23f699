"""When a slice is too small to say anything."""

from __future__ import annotations

FEWEST = 30
"""Shoppers below which a bootstrap interval is not to be trusted: it is drawn from too few to show how they differ."""


def too_small(count: int) -> bool:
    """Say whether a slice is too small to say anything.

    Args:
        count: Its shoppers, who are what the intervals draw; or its cases, which are at least as many, where shoppers were not counted.
    """
    return count < FEWEST
