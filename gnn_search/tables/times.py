"""Every notation of a time, turned into microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import polars as pl

# Tried in this order on what is not yet understood; a "T" between date and time has become a space.
_NAIVE = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d", "%Y-%m-%d %H:%M")
_ZONED = ("%Y-%m-%d %H:%M:%S%.f%#z",)

_YEAR_1 = -62_135_596_800
_YEAR_10000 = 253_402_300_800


def to_microseconds(values: pl.Series) -> pl.Series:
    """Turn a column of times into int64 microseconds since 1970-01-01 UTC ("µs").

    Understood are:

    - Date and Datetime columns; without a zone they are UTC, as is text.
    - Text in ISO 8601: a date, or a date and time (a space or a `T` between; seconds, fractions, and `Z` or an offset may be left out).
    - Integers, also as text: time since 1970-01-01. The unit follows from the magnitude, once for the whole column, by the median of the
      absolute values: below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds. The median, since
      one broken row must not move all the others.

    Args:
        values: Datetime, Date, String or integer column.

    Returns:
        Int64 column of the same length; null where there is no time, where the text is not understood, or outside the years 1 to 9999.

    Shapes:
        - values: `(rows,)`
        - Returns `(rows,)`
    """
    if values.dtype == pl.String:
        times = _from_text(values)
    elif values.dtype.is_integer():
        times = _from_epoch(values.cast(pl.Int64))
    else:
        times = values.cast(pl.Datetime("us")).to_physical()
    return times.alias(values.name)


def _from_text(values: pl.Series) -> pl.Series:
    text = values.str.strip_chars().str.replace("T", " ", literal=True)
    times = pl.repeat(None, len(values), dtype=pl.Int64, eager=True)
    missing = text.null_count()
    for pattern in (*_NAIVE, *_ZONED):
        if times.null_count() == missing:
            return times
        dtype = pl.Datetime("us", "UTC") if pattern in _ZONED else pl.Datetime("us")
        parsed = text.str.strptime(dtype, pattern, strict=False).to_physical()
        times = times.zip_with(times.is_not_null(), parsed)
    if times.null_count() == missing:
        return times
    return times.zip_with(times.is_not_null(), _from_epoch(text.cast(pl.Int64, strict=False)))


def _from_epoch(values: pl.Series) -> pl.Series:
    frame = values.to_frame("value")
    median = frame.select(pl.col("value").abs().median()).item()
    value = pl.col("value")
    units = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (float("inf"), 1_000_000_000))
    per_second = next(unit for limit, unit in units if (median or 0) < limit)
    # Compared before multiplying, so that nothing overflows.
    usable = value.is_between(_YEAR_1 * per_second, _YEAR_10000 * per_second, closed="left") if per_second < 1_000_000_000 else pl.lit(True)
    scaled = value // 1_000 if per_second > 1_000_000 else value * (1_000_000 // per_second)
    return frame.select(pl.when(usable).then(scaled)).to_series()
