"""What a column of a raw table may hold, and the few types that the rest of the package sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from gnn_search.config.base import StrictModel
from gnn_search.errors import TableError

Kind = Literal["id", "ids", "text", "label", "number", "time", "path"]

_EXPECTED: dict[Kind, str] = {
    "id": "ids, strings or integers",
    "ids": "lists of ids, strings or integers",
    "text": "text",
    "label": "single values",
    "number": "numbers",
    "time": "times (Datetime, Date, ISO 8601 text, or integers since 1970)",
    "path": "lists of category names, or text to be cut at the separator",
}

VALUELESS: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "label": pl.String(),
    "number": pl.Float64(),
    "time": pl.String(),
    "path": pl.List(pl.String),
}
"""Type of a column without any value; ids are left out, since they take theirs from the same kind of id in other tables."""


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
    kind: Kind


def recipe_columns(part: StrictModel, name: str, kinds: Mapping[str, Kind]) -> list[Column]:
    """Return the columns that a recipe names for a table.

    Args:
        part: The recipe's part; a field of `kinds` holds the name of one column, the names of several, which are kept, or None.
        name: Of the table.
        kinds: What the columns of each field may hold.
    """
    columns = []
    for field, kind in kinds.items():
        named, key = getattr(part, field), f"tables.{name}.{field}"
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


def _convert(value: pl.Expr, kind: Kind, dtype: pl.DataType, *, typed: bool) -> pl.Expr | None:
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


def _as_list(value: pl.Expr, kind: Kind, dtype: pl.DataType) -> pl.Expr | None:
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
