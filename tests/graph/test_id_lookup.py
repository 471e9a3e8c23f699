"""Many nodes by the shop's own ids."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.graph.id_lookup import IdLookup, id_series

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
NUMBERS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(TEXTS, unique=True, max_size=20), st.lists(TEXTS | st.none(), max_size=20))
def test_texts_are_found_as_a_dictionary_finds_them(ids, wanted):
    nodes = {name: node for node, name in enumerate(ids)}
    asked = [*wanted, *ids]
    found = IdLookup(pl.Series(ids, dtype=pl.String)).find(pl.Series(asked, dtype=pl.String))
    assert found.tolist() == [nodes.get(name, -1) for name in asked]


@given(st.lists(NUMBERS, unique=True, max_size=20), st.lists(NUMBERS | st.none(), max_size=20))
def test_numbers_are_found_as_a_dictionary_finds_them(ids, wanted):
    nodes = {name: node for node, name in enumerate(ids)}
    asked = [*wanted, *ids]
    assert IdLookup(pl.Series(ids, dtype=pl.Int64)).find_values(asked).tolist() == [nodes.get(name, -1) for name in asked]


def test_ids_of_another_type_are_found_where_they_are_written_as_the_nodes_would_be():
    numbers, texts = IdLookup(pl.Series([7, 10])), IdLookup(pl.Series(["7", "007"]))
    assert numbers.find(pl.Series(["7", "007", "x", "7.0", None])).tolist() == [0, -1, -1, -1, -1]
    assert numbers.find(pl.Series([10.0, 7.5, None])).tolist() == [1, -1, -1]
    assert texts.find(pl.Series([7, 8])).tolist() == [0, -1]
    assert texts.find_values([7, "007", None, "\ud800"]).tolist() == [0, 1, -1, -1]
    assert numbers.find_values([2**70, 7]).tolist() == [-1, 0]
    assert numbers.find(pl.Series([None, None])).tolist() == [-1, -1]


def test_what_is_no_id_is_refused():
    for value in (1.5, True, ["a"]):
        with pytest.raises(TypeError, match="expected ids, text or integers, got"):
            id_series("id", [value])
