"""What a product's document says beside its vector."""

from __future__ import annotations

import polars as pl
import pytest

from gnn_search.errors import RequestError
from gnn_search.export.documents import product_documents


def test_hand_made(awkward):
    documents = product_documents(awkward.model.graph)
    assert documents.columns == ["product_id", "title", "brand", "category_path", "categories"]
    assert documents.row(0, named=True) == {
        "product_id": "p/0 é",
        "title": 'a "quoted" title',
        "brand": "acme",
        "category_path": "food > bakery",
        "categories": ["food", "food > bakery"],
    }
    assert documents["title"][3] == "line break and tab"
    assert documents["category_path"][3] is None
    assert documents["categories"][3] is None
    assert documents["categories"][5].to_list() == ["home, garden"]


def test_rows_are_nodes_and_paths_those_of_the_tree(tiny_graph):
    documents, products, categories = product_documents(tiny_graph), tiny_graph.nodes("product"), tiny_graph.nodes("category")
    assert documents["product_id"].to_list() == products["product_id"].to_list()
    for path, lists, category in zip(documents["category_path"], documents["categories"], products["category"], strict=True):
        assert path == categories["path"][category]
        steps = path.split(" > ")
        assert lists.to_list() == [" > ".join(steps[: place + 1]) for place in range(len(steps))]


def test_a_shop_without_brands_and_categories(make_graph):
    events = [("u", "tea", "p1", day, "purchase", "s", "x") for day in (1, 12, 25)]
    graph = make_graph([("p0", "bread", None, None), ("p1", "tea", None, None)], events)
    documents = product_documents(graph)
    assert documents["brand"].to_list() == documents["category_path"].to_list() == documents["categories"].to_list() == [None, None]
    assert documents.schema["categories"] == pl.List(pl.String)


@pytest.mark.parametrize("wrong", ["\x00", "\x7f", "\ufdd0", "\ufdef", "\uffff", "\U0001fffe", "\U0010ffff"])
def test_an_id_that_no_engine_takes(make_graph, wrong):
    product = f"p{wrong}"
    graph = make_graph([(product, "bread", None, None)], [("u", "tea", product, day, "purchase", "s", "x") for day in (1, 12, 25)])
    with pytest.raises(RequestError, match=r"1 product ids of the graph .* hold a control character or a noncharacter, such as 'p\\"):
        product_documents(graph)


@pytest.mark.parametrize("right", ["\x80", "\ufdcf", "\ufdf0", "\ufffd", "\U00010000", "\U0001fffd"])
def test_an_id_beside_them(make_graph, right):
    product = f"p{right}"
    graph = make_graph([(product, "bread", None, None)], [("u", "tea", product, day, "purchase", "s", "x") for day in (1, 12, 25)])
    assert product_documents(graph)["product_id"].to_list() == [product]
