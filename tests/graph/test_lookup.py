"""Nodes by the shop's own id."""

from __future__ import annotations

import pytest

from gnn_search.errors import RequestError
from gnn_search.graph.lookup import find_node


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
    ],
)
def test_an_unknown_id_is_answered_with_some_alike(tiny_graph, node_type, shop_id, message):
    with pytest.raises(RequestError, match=message):
        find_node(tiny_graph, node_type, shop_id)
