"""Nodes by the shop's own ids, one or many."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import RequestError
from gnn_search.graph.id_lookup import IdLookup, find_node, id_series

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


@pytest.mark.parametrize(
    ("ids", "given", "stored", "node", "fit"),
    [
        ([7, 10], pl.Series("user_id", ["7", "", None, "99"]), [7, None, None, 99], [0, -1, -1, -1], True),
        ([7, 10], pl.Series("user_id", ["7", "07", "x"]), [7, None, None], [0, -1, -1], False),
        ([7, 10], pl.Series("user_id", [10.0, 1.5]), [10, None], [1, -1], False),
        ([7, 10], pl.Series("user_id", ["7", "7"], dtype=pl.Categorical), [7, 7], [0, 0], True),
        (["7", "ann"], pl.Series("user_id", [7, 8]), ["7", "8"], [0, -1], True),
    ],
)
def test_a_column_is_found_in_the_graphs_type(ids, given, stored, node, fit):
    found = IdLookup(pl.Series(ids)).find_column(given)
    assert (found.stored.to_list(), found.node.tolist(), found.fit) == (stored, node, fit)
    assert (found.stored.name, found.given.name, len(found.given)) == ("user_id", "user_id", len(given))


@pytest.mark.parametrize("node_type", ["user", "query", "product", "category"])
def test_every_node_is_found_by_its_id(tiny_graph, node_type):
    ids = tiny_graph.nodes(node_type).to_series(0).to_list()
    assert [find_node(tiny_graph, node_type, shop_id) for shop_id in ids] == list(range(len(ids)))
    assert [find_node(tiny_graph, node_type, str(shop_id)) for shop_id in ids] == list(range(len(ids)))


def test_a_query_is_found_in_any_writing(tiny_graph):
    number = find_node(tiny_graph, "query", "bread 0")
    assert find_node(tiny_graph, "query", "  BREAD \n0") == number


@pytest.mark.parametrize(
    ("node_type", "shop_id", "message"),
    [
        ("product", "P0071", r"there is no product 'P0071' in the graph .*; did you mean 'P0[01]\d' or 'P0"),
        ("product", "zzz", r"there is no product 'zzz' in the graph .*; there are 40, such as 'P000', 'P001', 'P002'"),
        ("user", "1x", "there is no user '1x' in the graph .*; did you mean '1'"),
        ("user", 777, "there is no user '777' in the graph"),
        ("product", "P00\udcff", "there is no product .* in the graph .*; did you mean 'P0"),
        ("query", "brea 0", "there is no query 'brea 0' in the graph .*; did you mean 'bread 0'"),
        ("user", "9" * 30, "there is no user '9+' in the graph"),
        ("user", "01", "there is no user '01' in the graph .*; did you mean '1'"),
    ],
)
def test_an_unknown_id_is_answered_with_some_alike(tiny_graph, node_type, shop_id, message):
    with pytest.raises(RequestError, match=message):
        find_node(tiny_graph, node_type, shop_id)
