"""Times for a log whose timestamps keep the order of events alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl


def spread_times(events: pl.DataFrame, cuts: Sequence[int]) -> tuple[pl.DataFrame, list[int]]:
    """Spread events evenly over the time that they span; equal times stay equal.

    Where timestamps were made up, say one day for every user's last purchase, days tell nothing: ages seen from two times are of
    different kinds, and what is learned of age at one is wrong at the other. Spread evenly, an age is the share of the log that came
    after.

    Args:
        events: With a column `time`, int64 µs, ascending.
        cuts: Times that stay between the same events, µs, ascending.

    Returns:
        The events with new times, and the new cuts.
    """
    time = events["time"].to_numpy()
    if len(time) < 2 or time[0] == time[-1]:
        return events, list(cuts)
    step = (int(time[-1]) - int(time[0])) / (len(time) - 1)
    # Ties share the middle of their places.
    place = (np.searchsorted(time, time) + np.searchsorted(time, time, side="right") - 1) / 2
    spread = int(time[0]) + np.floor(place * step).astype(np.int64)
    between = [int(time[0]) + int(np.ceil((number - 0.5) * step)) for number in np.searchsorted(time, cuts)]
    return events.with_columns(time=pl.Series(spread)), between
