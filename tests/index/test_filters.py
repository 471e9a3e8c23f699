"""Filters name the products that pass, by the taxonomy's intervals, ids and flags."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import RequestError
from gnn_search.index.filters import filter_products, subtree_products


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        (["fruit"], [0, 1, 2]),
        (["fruit > apple"], [0, 1]),
        (["vegetable", "fruit > pear"], [2, 3, 4]),
        (["fruit", "fruit > apple"], [0, 1, 2]),
        ([], []),
    ],
)
def test_category_subtrees(fruit_shop, categories, expected):
    rows = filter_products(fruit_shop, categories=categories).product
    assert rows.tolist() == expected
    assert rows.dtype == np.int32


def test_every_subtree_is_what_the_parents_say(tiny_graph):
    ways = tiny_graph.taxonomy.ancestors()
    category = tiny_graph.taxonomy.product_category
    for number, name in enumerate(tiny_graph.nodes("category").to_series(0).to_list()):
        below = [row for row, own in enumerate(category) if own >= 0 and number in ways[own]]
        assert sorted(subtree_products(tiny_graph, [name]).tolist()) == below


def test_products_and_all_filters_together(fruit_shop):
    wanted = np.array([4, 1, -1, 4, 2], np.int32)
    assert filter_products(fruit_shop, named=wanted).product.tolist() == [1, 2, 4]
    assert filter_products(fruit_shop, named=wanted).unknown == 1
    assert filter_products(fruit_shop, named=wanted, categories=["fruit"]).product.tolist() == [1, 2]
    assert filter_products(fruit_shop).product.tolist() == [0, 1, 2, 3, 4, 5]
    assert filter_products(fruit_shop, named=wanted[:0]).product.tolist() == []


@pytest.mark.parametrize(
    "values", [[True, False, True, None, False, True], ["TRUE", "no", "yes", None, "0", "1"], [1.0, 0.0, 1.0, None, 0.0, 1.0]]
)
def test_a_flag(fruit_shop, values):
    graph = with_column(fruit_shop, values)
    assert filter_products(graph, flag="in_stock").product.tolist() == [0, 2, 5]
    assert filter_products(graph, flag="in_stock", categories=["fruit"]).product.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"categories": ["fruits"]}, "there is no category 'fruits' in the graph .*; did you mean 'fruit'"),
        ({"flag": "colour"}, "the products have no column 'colour'; there are product_id, title"),
        ({"flag": "title"}, "expected true or false in the column 'title' of the products, got 'red apple'"),
    ],
)
def test_what_is_not_there(fruit_shop, filters, message):
    with pytest.raises(RequestError, match=message):
        filter_products(fruit_shop, **filters)


def with_column(graph, values):
    table = graph.nodes("product").with_columns(in_stock=pl.Series(values))
    return dataclasses.replace(graph, _nodes={"product": table})
