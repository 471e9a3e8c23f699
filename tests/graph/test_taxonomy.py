"""The category tree's layout against plain networkx, and what is no tree."""

from __future__ import annotations

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import TaxonomyError
from gnn_search.graph.taxonomy import Taxonomy, categories_from_paths, layout_taxonomy

ABOVE = "above every top"


def categories(parents: dict[str, str | None], names: dict[str, str] | None = None) -> pl.DataFrame:
    table = {"category_id": list(parents), "parent_id": list(parents.values()), "name": [(names or {}).get(key, key) for key in parents]}
    return pl.DataFrame(table, schema={"category_id": pl.String, "parent_id": pl.String, "name": pl.String})


def lay_out(parents: dict[str, str | None], product: list[str | None]) -> tuple[list[str], Taxonomy]:
    nodes, taxonomy = layout_taxonomy(categories(parents), pl.Series("category_id", product, dtype=pl.String))
    return nodes["category_id"].to_list(), taxonomy


@st.composite
def forests(draw) -> dict[str, str | None]:
    """Ragged forests; a parent may stand after its child."""
    size = draw(st.integers(1, 12))
    names = draw(st.lists(st.text(min_size=1, max_size=3), min_size=size, max_size=size, unique=True))
    parents = {name: draw(st.sampled_from([None, *names[:place]])) for place, name in enumerate(names)}
    order = draw(st.permutations(names))
    return {name: parents[name] for name in order}


def as_networkx(parents: dict[str, str | None]) -> nx.DiGraph:
    tree = nx.DiGraph()
    tree.add_node(ABOVE * 2)
    tree.add_edges_from((ABOVE * 2 if parent is None else parent, child) for child, parent in parents.items())
    return tree


@given(forests(), st.data())
def test_every_subtree_is_one_interval(parents, data):
    product = data.draw(st.lists(st.sampled_from([None, *parents]), max_size=15))
    order, taxonomy = lay_out(parents, product)
    tree = as_networkx(parents)
    assert sorted(order) == sorted(parents)
    for number, category in enumerate(order):
        below = nx.descendants(tree, category) | {category}
        assert set(order[number : taxonomy.subtree_end[number]]) == below
        inside = taxonomy.product_order[taxonomy.product_start[number] : taxonomy.product_end[number]]
        assert sorted(inside.tolist()) == [place for place, where in enumerate(product) if where in below]
        parent = parents[category]
        assert taxonomy.parent[number] == (-1 if parent is None else order.index(parent))
        assert taxonomy.depth[number] == nx.shortest_path_length(tree, ABOVE * 2, category) - 1
    assert [None if number < 0 else order[number] for number in taxonomy.product_category] == product


@given(forests())
def test_distance_is_the_shortest_path(parents):
    order, taxonomy = lay_out(parents, [])
    undirected = as_networkx(parents).to_undirected()
    a, b = (grid.ravel().astype(np.int32) for grid in np.meshgrid(np.arange(len(order)), np.arange(len(order))))
    expected = [nx.shortest_path_length(undirected, order[first], order[second]) for first, second in zip(a, b, strict=True)]
    assert taxonomy.distance(a, b).tolist() == expected


@given(forests())
def test_ancestors_lead_to_the_top(parents):
    order, taxonomy = lay_out(parents, [])
    for number, way in enumerate(taxonomy.ancestors()):
        expected, category = [], order[number]
        while category is not None:
            expected.append(order.index(category))
            category = parents[category]
        assert way[way >= 0].tolist() == expected


def test_nodes_have_paths_and_stand_in_preorder_by_name():
    table = categories({"3": "1", "1": None, "2": "1", "4": None}, {"1": "Möbel", "2": "茶", "3": "Betten", "4": "Äpfel"})
    nodes, _ = layout_taxonomy(table, pl.Series([], dtype=pl.String))
    assert nodes["category_id"].to_list() == ["1", "3", "2", "4"]
    assert nodes["name"].to_list() == ["Möbel", "Betten", "茶", "Äpfel"]
    assert nodes["depth"].to_list() == [0, 1, 1, 0]
    assert nodes["path"].to_list() == ["Möbel", "Möbel > Betten", "Möbel > 茶", "Äpfel"]


def test_integer_ids_stay_integers():
    table = pl.DataFrame({"category_id": [20, 10], "parent_id": [10, None], "name": ["b", "a"]})
    nodes, taxonomy = layout_taxonomy(table, pl.Series("c", [20, None, 10]))
    assert nodes["category_id"].to_list() == [10, 20]
    assert taxonomy.product_category.tolist() == [1, -1, 0]


def test_no_categories():
    order, taxonomy = lay_out({}, [None, None])
    assert order == []
    assert taxonomy.num_categories == 0
    assert taxonomy.product_category.tolist() == [-1, -1]
    assert taxonomy.ancestors().shape == (0, 1)


def test_one_category():
    order, taxonomy = lay_out({"all": None}, ["all", None, "all"])
    assert order == ["all"]
    assert taxonomy.product_order.tolist() == [0, 2]
    assert taxonomy.distance(np.array([0], np.int32), np.array([0], np.int32)).tolist() == [0]


def test_a_chain_of_a_thousand_levels():
    parents = {f"{level:04d}": f"{level - 1:04d}" if level else None for level in range(1000)}
    _, taxonomy = lay_out(parents, [])
    assert taxonomy.depth.tolist() == list(range(1000))
    assert set(taxonomy.subtree_end.tolist()) == {1000}


def test_a_saved_layout_opens_as_it_was(tmp_path):
    _, taxonomy = lay_out({"a": None, "b": "a", "c": "a"}, ["b", None, "a", "c"])
    taxonomy.save(tmp_path / "taxonomy")
    opened = Taxonomy.open(tmp_path / "taxonomy")
    for name, array in vars(taxonomy).items():
        np.testing.assert_array_equal(getattr(opened, name), array)


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ({"a": "b", "b": "c", "c": "a"}, r"there is a cycle, '[abc]' -> '[abc]' -> '[abc]'; correct the parent_id"),
        ({"a": "a"}, "there is a cycle, 'a'; correct the parent_id"),
        ({"top": None, "a": "b", "b": "a"}, "there is a cycle"),
        ({"a": None, "b": "x"}, "parent 'x' of category 'b' is not in the table; add its row, or leave parent_id empty"),
    ],
)
def test_what_is_no_tree_is_refused(parents, message):
    with pytest.raises(TaxonomyError, match=message):
        lay_out(parents, [])


def test_a_category_with_two_parents_is_refused():
    table = pl.DataFrame({"category_id": ["a", "b", "c", "c"], "parent_id": [None, None, "a", "b"], "name": ["a", "b", "c", "c"]})
    with pytest.raises(TaxonomyError, match=r"category 'c' stands 2 times, with parents \['a', 'b'\]; give each category one row"):
        layout_taxonomy(table, pl.Series([], dtype=pl.String))


def test_categories_come_from_paths():
    paths = pl.Series("path", [["a", "b"], None, ["c"], ["a", "b"], ["a", "d", "b"]], dtype=pl.List(pl.String))
    table, category = categories_from_paths(paths)
    assert table.rows() == [("a", None, "a"), ("a > b", "a", "b"), ("a > d", "a", "d"), ("a > d > b", "a > d", "b"), ("c", None, "c")]
    assert category.to_list() == ["a > b", None, "c", "a > b", "a > d > b"]


def test_no_path_at_all():
    table, category = categories_from_paths(pl.Series("path", [None, None], dtype=pl.List(pl.String)))
    assert table.height == 0
    assert category.to_list() == [None, None]
