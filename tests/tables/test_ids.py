from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import TableError
from gnn_search.tables.ids import IdColumn, settle_id_type

INTEGERS = IdColumn(pl.Series([1, 2]), True, "'a' of A")
TEXT = IdColumn(pl.Series(["1", "x"]), True, "'b' of B")
NOTHING = IdColumn(pl.Series([None, None]), True, "'c' of C")
LISTS = IdColumn(pl.Series([["x"], []]), True, "'d' of D")


def untyped(*values: str | None) -> IdColumn:
    return IdColumn(pl.Series(values, dtype=pl.String), False, "'u' of U")


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ([INTEGERS], pl.Int64),
        ([NOTHING, INTEGERS], pl.Int64),
        ([TEXT, LISTS], pl.String),
        ([NOTHING], pl.String),
        ([untyped("1", "-20", None)], pl.Int64),
        ([untyped("1"), untyped("007")], pl.String),
        ([untyped("1.0")], pl.String),
        ([untyped(None)], pl.String),
        ([untyped(None), untyped("1")], pl.Int64),
        ([untyped("99999999999999999999")], pl.String),
        ([TEXT, untyped("1")], pl.String),
        ([untyped("1"), INTEGERS], pl.Int64),
    ],
)
def test_one_type_for_one_kind(columns: list[IdColumn], dtype: pl.DataType) -> None:
    assert settle_id_type(columns) == dtype


def test_typed_columns_that_differ() -> None:
    with pytest.raises(TableError, match=r"column 'a' of A holds integers and column 'b' of B holds text; write both as the same type"):
        settle_id_type([INTEGERS, TEXT])
    with pytest.raises(TableError, match=r"'d' of D holds text"):
        settle_id_type([INTEGERS, LISTS])


def test_text_in_csv_beside_integers() -> None:
    with pytest.raises(TableError, match=r"column 'a' of A holds integers and column 'u' of U holds text such as '007' \(2 distinct\)"):
        settle_id_type([INTEGERS, untyped("1", "007", "x", "x")])


@given(st.lists(st.none() | st.text(max_size=6) | st.integers(-(2**70), 2**70).map(str), max_size=20))
def test_csv_ids_are_written_as_they_were_read(ids: list[str | None]) -> None:
    values = pl.Series(ids, dtype=pl.String)
    dtype = settle_id_type([IdColumn(values, False, "'u' of U")])
    assert values.cast(dtype).cast(pl.String).to_list() == ids
