"""Ids are the shop's own: integers stay integers, text stays text, and one kind of id has one type in every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gnn_search.errors import TableError


@dataclass(frozen=True)
class IdColumn:
    """A column of ids.

    Attributes:
        values: String or Int64, a List of either, or Null when there is no value.
        typed: Whether the file says the type; CSV does not.
        place: The column in words, such as `'product_id' of the events table (events.csv)`.
    """

    values: pl.Series
    typed: bool
    place: str


def settle_id_type(columns: Sequence[IdColumn]) -> pl.DataType:
    """Return the one type that these columns of one kind of id have in common.

    Typed columns decide. Where all come from CSV, ids are integers if every value of every column is written as an integer
    would be (`7`, not `007` or `7.0`), else they are text; either way they are written out as they were read.

    Raises:
        TableError: Typed columns differ, or a CSV column holds text where the others hold integers.
    """
    typed = [(column, _element(column.values.dtype)) for column in columns if column.typed and _element(column.values.dtype) != pl.Null]
    untyped = [column for column in columns if not column.typed and column.values.count() > 0]
    if not typed:
        plain = bool(untyped) and all(_not_plain(column.values).is_empty() for column in untyped)
        return pl.Int64() if plain else pl.String()
    first, dtype = typed[0]
    for column, other in typed[1:]:
        if other != dtype:
            raise TableError(
                f"ids of one kind must have one type, but column {first.place} holds {_word(dtype)} and column {column.place} holds "
                f"{_word(other)}; write both as the same type"
            )
    for column in untyped if dtype == pl.Int64 else []:
        wrong = _not_plain(column.values)
        if not wrong.is_empty():
            raise TableError(
                f"ids of one kind must have one type, but column {first.place} holds integers and column {column.place} holds text "
                f"such as {wrong[0]!r} ({len(wrong)} distinct); correct these, or write the other column as text"
            )
    return dtype


def _element(dtype: pl.DataType) -> pl.DataType:
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    return inner if isinstance(inner, pl.DataType) else inner()


def _not_plain(values: pl.Series) -> pl.Series:
    distinct = values.drop_nulls().unique(maintain_order=True)
    return distinct.filter((distinct.cast(pl.Int64, strict=False).cast(pl.String) == distinct).fill_null(False).not_())


def _word(dtype: pl.DataType) -> str:
    return "integers" if dtype == pl.Int64 else "text"
