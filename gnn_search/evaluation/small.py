"""When a slice is too small to say anything."""

from __future__ import annotations

FEWEST = 30
"""Shoppers below which a bootstrap interval is not to be trusted: it is drawn from too few to show how they differ."""


def too_small(users: int) -> bool:
    """Say whether a slice of some shoppers is too small to say anything."""
    return users < FEWEST
