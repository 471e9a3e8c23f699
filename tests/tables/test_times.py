from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.tables.columns import to_microseconds

NOON = 1_483_272_000_000_000
"""2017-01-01 12:00 UTC in µs."""


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_naive_datetimes_are_utc(unit: str) -> None:
    values = pl.Series([datetime(2017, 1, 1, 12)]).cast(pl.Datetime(unit))  # type: ignore[arg-type]
    assert to_microseconds(values).to_list() == [NOON]


def test_dates_are_midnight() -> None:
    assert to_microseconds(pl.Series([date(2017, 1, 1), None])).to_list() == [NOON - 12 * 3_600_000_000, None]


@pytest.mark.parametrize(
    "text",
    [
        "2017-01-01 12:00:00",
        "2017-01-01T12:00:00",
        "2017-01-01T12:00",
        "2017-01-01T12:00:00.000",
        "2017-01-01T12:00:00Z",
        "2017-01-01 14:00:00+02:00",
        "2017-01-01T07:00:00.000000-0500",
        " 2017-01-01T12:00:00 ",
        "1483272000",
    ],
)
def test_text_forms(text: str) -> None:
    assert to_microseconds(pl.Series([text])).to_list() == [NOON]


def test_forms_may_be_mixed_and_nonsense_is_null() -> None:
    values = pl.Series(["2017-01-01T12:00:00Z", None, "yesterday", "2017-13-01", "2017-01-01 12:00:00"])
    assert to_microseconds(values).to_list() == [NOON, None, None, None, NOON]


@pytest.mark.parametrize(("per_second"), [1, 1_000, 1_000_000, 1_000_000_000])
def test_the_unit_of_integers_is_told_by_magnitude(per_second: int) -> None:
    values = pl.Series([NOON // 1_000_000 * per_second, None])
    assert to_microseconds(values).to_list() == [NOON, None]
    assert to_microseconds(values.cast(pl.String)).to_list() == [NOON, None]


def test_one_broken_integer_moves_no_other() -> None:
    seconds = NOON // 1_000_000
    assert to_microseconds(pl.Series([seconds, seconds + 1, 9_000_000_000_000_000_000])).to_list() == [NOON, NOON + 1_000_000, None]


@given(st.lists(st.none() | st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)), max_size=10))
def test_text_and_datetime_agree(moments: list[datetime | None]) -> None:
    typed = to_microseconds(pl.Series(moments, dtype=pl.Datetime("us")))
    text = pl.Series([None if moment is None else moment.isoformat() for moment in moments], dtype=pl.String)
    assert to_microseconds(text).to_list() == typed.to_list()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    expected = [None if m is None else round((m.replace(tzinfo=UTC) - epoch).total_seconds() * 1e6) for m in moments]
    assert all(a == b or (a is not None and b is not None and abs(a - b) <= 1) for a, b in zip(typed, expected, strict=True))


@pytest.mark.parametrize("dtype", [pl.String, pl.Int64, pl.Datetime("us")])
def test_empty_columns(dtype: pl.DataType) -> None:
    assert to_microseconds(pl.Series([], dtype=dtype)).dtype == pl.Int64
