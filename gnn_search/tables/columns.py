"""What a column of a raw table may hold, the few types that the rest of the package sees, and every notation of a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from gnn_search.config.base import StrictModel
from gnn_search.errors import TableError

ColumnKind = Literal["id", "ids", "text", "label", "number", "time", "path"]

_KINDS: dict[str, ColumnKind] = {
    "user_id": "id",
    "query": "text",
    "product_id": "id",
    "timestamp": "time",
    "action": "label",
    "session_id": "id",
    "weight": "number",
    "grade": "number",
    "split": "text",
    "labels": "label",
    "title": "text",
    "brand": "text",
    "description": "text",
    "category_path": "path",
    "category_id": "id",
    "parent_id": "id",
    "name": "text",
    "attributes": "label",
    "numeric": "number",
    "related": "ids",
}
"""What the columns of each field of a recipe's tables may hold."""

_EXPECTED: dict[ColumnKind, str] = {
    "id": "ids, strings or integers",
    "ids": "lists of ids, strings or integers",
    "text": "text",
    "label": "single values",
    "number": "numbers",
    "time": "times (Datetime, Date, ISO 8601 text, or integers since 1970)",
    "path": "lists of category names, or text to be cut at the separator",
}

VALUELESS: dict[ColumnKind, pl.DataType] = {
    "text": pl.String(),
    "label": pl.String(),
    "number": pl.Float64(),
    "time": pl.String(),
    "path": pl.List(pl.String),
}
"""Type of a column without any value; ids are left out, since they take theirs from the same kind of id in other tables."""

# Tried in this order on what is not yet understood; a "T" between date and time has become a space.
_NAIVE = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d", "%Y-%m-%d %H:%M")
_ZONED = ("%Y-%m-%d %H:%M:%S%.f%#z",)

_YEAR_1 = -62_135_596_800
_YEAR_10000 = 253_402_300_800


@dataclass(frozen=True)
class Column:
    """One column to read.

    Attributes:
        name: What the package calls it.
        source: What the shop calls it.
        key: Where the recipe names it, for messages.
        kind: What it may hold, and the type it is read as:
            `id`: String or Int64, an empty string is null; `ids`: List of these; `text`: String; `label`: any single value, as String;
            `number`: Float64, from CSV still String; `time`: Datetime in µs UTC, String or Int64; `path`: List of String, or String.
            A column of ids without any value is of type Null, one of lists of these possibly List of Null.
    """

    name: str
    source: str
    key: str
    kind: ColumnKind


def recipe_columns(part: StrictModel, name: str) -> list[Column]:
    """Return the columns that a recipe's part names for a table; a field names one column, several that keep their names, or none."""
    columns = []
    for field, kind in _KINDS.items():
        named, key = getattr(part, field, None), f"tables.{name}.{field}"
        if isinstance(named, str):
            columns.append(Column(field, named, key, kind))
        else:
            columns += [Column(column, column, key, kind) for column in named or ()]
    return columns


def convert_column(column: Column, dtype: pl.DataType, place: str, *, typed: bool) -> pl.Expr:
    """Return the expression that reads a column under its new name and type.

    Args:
        column: The column.
        dtype: Its type in the file.
        place: The file, for messages.
        typed: Whether the format knows types; in CSV every value is text and is taken as what it looks like later.

    Raises:
        TableError: The column holds something else than its kind allows.
    """
    expression = _convert(pl.col(column.source), column.kind, dtype, typed=typed)
    if expression is None:
        float_ids = column.kind in ("id", "ids") and _is_float(dtype)
        advice = "cast the ids to integers or strings" if float_ids else "correct the table or the recipe"
        raise TableError(f"column '{column.source}' ({column.key}) of {place}: expected {_EXPECTED[column.kind]}, got {dtype}; {advice}")
    return expression.alias(column.name)


def _convert(value: pl.Expr, kind: ColumnKind, dtype: pl.DataType, *, typed: bool) -> pl.Expr | None:
    if dtype == pl.Null:
        return value
    if kind == "id":
        return _as_id(value, dtype)
    if kind == "text":
        return value.cast(pl.String) if is_text(dtype) else None
    if kind == "label":
        return None if dtype.is_nested() or dtype in (pl.Binary, pl.Object) else value.cast(pl.String)
    if kind == "number":
        if dtype.is_numeric():
            return value.cast(pl.Float64)
        return value if dtype == pl.String and not typed else None
    if kind == "time":
        return _as_time(value, dtype)
    return _as_list(value, kind, dtype)


def _as_id(value: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if dtype.is_integer():
        return value.cast(pl.Int64)
    if is_text(dtype):
        text = value.cast(pl.String)
        return pl.when(text != "").then(text)
    return None


def _as_time(value: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if isinstance(dtype, pl.Datetime):
        utc = value if dtype.time_zone is None else value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return utc.cast(pl.Datetime("us"))
    if dtype == pl.Date:
        return value.cast(pl.Datetime("us"))
    if dtype.is_integer():
        return value.cast(pl.Int64)
    return value.cast(pl.String) if is_text(dtype) else None


def _as_list(value: pl.Expr, kind: ColumnKind, dtype: pl.DataType) -> pl.Expr | None:
    if kind == "path" and is_text(dtype):
        return value.cast(pl.String)
    if not isinstance(dtype, pl.List):
        return None
    inner = dtype.inner
    if is_text(inner):
        return value.cast(pl.List(pl.String))
    if inner == pl.Null:
        return value
    return value.cast(pl.List(pl.Int64)) if kind == "ids" and inner.is_integer() else None


def is_text(dtype: object) -> bool:
    """Say whether a column of this type holds text."""
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


def _is_float(dtype: pl.DataType) -> bool:
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return inner in (pl.Float32, pl.Float64)


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
