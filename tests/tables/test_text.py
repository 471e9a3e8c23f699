from __future__ import annotations

import sys

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.tables.text import normalise_distinct, normalise_query, normalise_text


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Frozen\t\n PIZZA ", "frozen pizza"),
        ("\uff26\uff55\uff4c\uff4c", "full"),
        ("cafe\u0301", "café"),
        ("a\u00a0b\u3000c", "a b c"),
        ("ΟΔΟΣ", "οδος"),
        ("½ lb", "1⁄2 lb"),
        (" \t ", ""),
        ("", ""),
    ],
)
def test_known_forms(text: str, normal: str) -> None:
    assert normalise_text(text) == normal


def test_lone_surrogate_is_replaced() -> None:
    assert normalise_text("Milk \udcff") == "milk ?"


@given(st.lists(st.none() | st.text(), max_size=20))
def test_column_and_string_agree_and_twice_changes_nothing(texts: list[str | None]) -> None:
    column = pl.Series("query", texts, dtype=pl.String)
    normal = column.to_frame().select(normalise_query(pl.col("query"))).to_series()
    assert normal.to_list() == [None if text is None else normalise_text(text) for text in texts]
    assert normalise_distinct(column).to_list() == normal.to_list()
    again = normal.to_frame().select(normalise_query(pl.col("query"))).to_series()
    assert again.to_list() == normal.to_list()


def test_twice_changes_nothing_for_every_character_before_a_combining_mark() -> None:
    characters = [chr(code) + "\u0316" for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    once = normalise_distinct(pl.Series("query", characters))
    assert normalise_distinct(once).equals(once)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_no_capital_ascii_and_no_outer_or_double_space_is_left(text: str) -> None:
    normal = normalise_text(text)
    assert not any("A" <= letter <= "Z" for letter in normal)
    assert normal == normal.strip(" ")
    assert "  " not in normal
