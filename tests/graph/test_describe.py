"""A graph and its nodes in words, against plain counts over the events."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from shops import build, write_tiny_shop

from gnn_search.errors import RequestError
from gnn_search.graph.describe import interaction_verb, neighbourhood, summarise
from gnn_search.graph.store import to_datetime


@pytest.fixture(scope="module")
def moment(tiny_graph) -> int:
    return int(tiny_graph.manifest.test_start)


@pytest.fixture(scope="module")
def events(tiny_graph, moment) -> pl.DataFrame:
    """Every event before the test period, with the shop's own ids and the category paths."""
    category = tiny_graph.nodes("category")["path"].gather(tiny_graph.nodes("product")["category"])
    table = pl.concat([tiny_graph.examples(split) for split in ("train", "validation", "test")]).filter(pl.col("time") < moment)
    return table.with_columns(
        user_id=tiny_graph.nodes("user")["user_id"].gather(table["user"]),
        text=tiny_graph.nodes("query")["query"].gather(table["query"]),
        product_id=tiny_graph.nodes("product")["product_id"].gather(table["product"]),
        category=category.gather(table["product"]),
    )


def assert_commonest(found: list[tuple[str, int]], values: pl.Series) -> None:
    """Check the counts and that no commoner value is left out; ties may stand in any order."""
    counts = Counter(values.to_list())
    assert [count for _, count in found] == sorted(counts.values(), reverse=True)[:5]
    assert all(counts[name] == count for name, count in found)


def test_summary_repeats_the_manifest(tiny_graph):
    summary = summarise(tiny_graph)
    assert summary.num_nodes == {"user": 15, "query": 20, "product": 40, "category": 13}
    assert sum(summary.num_examples.values()) == 400
    assert {one.relation for one in summary.relations} == {"purchase", "click", "leads_to", "issues", "in", "child_of", "bought_with"}
    assert {one.relation for one in summary.relations if not one.timed} == {"in", "child_of"}
    assert summary.validation_start == to_datetime(tiny_graph.manifest.validation_start)
    assert summary.taxonomy_depth == 3


def test_every_user(tiny_graph, events, moment):
    for user_id, age, city in tiny_graph.nodes("user").select("user_id", "age", "city").iter_rows():
        own = events.filter(pl.col("user_id") == user_id)
        found = neighbourhood(tiny_graph, "user", str(user_id), moment)
        assert found.user_id == user_id
        assert found.attributes == {"age": age, "city": city}
        assert found.num_interactions == own.height
        times = [to_datetime(time) for time in own["time"].to_list()[::-1][:10]]
        assert [one.time for one in found.last_interactions] == [one.time for one in found.last_queries] == times
        rows = set(zip(own["time"], own["action"], own["product_id"], own["category"], strict=True))
        told = {(one.time, one.action, one.product_id, one.category) for one in found.last_interactions}
        assert told <= {(to_datetime(time), *rest) for time, *rest in rows}
        assert_commonest([(one.name, one.count) for one in found.top_categories], own["category"])


def test_every_query(tiny_graph, events, moment):
    for text in tiny_graph.nodes("query")["query"]:
        own = events.filter(pl.col("text") == text)
        found = neighbourhood(tiny_graph, "query", text.upper(), moment)
        assert found.query == text
        assert (found.num_interactions, found.num_products) == (own.height, own["product_id"].n_unique())
        assert found.num_users == own["user_id"].drop_nulls().n_unique()
        assert_commonest([(one.product_id, one.count) for one in found.top_products], own["product_id"])
        assert_commonest([(one.name, one.count) for one in found.categories], own["category"])


def test_every_product(tiny_graph, events, moment):
    edges = tiny_graph.before(moment).edges(("product", "rev_bought_with", "product"))
    for number, (product_id, title, brand) in enumerate(tiny_graph.nodes("product").select("product_id", "title", "brand").iter_rows()):
        own = events.filter(pl.col("product_id") == product_id)
        found = neighbourhood(tiny_graph, "product", product_id, moment)
        assert (found.product_id, found.title, found.attributes["brand"]) == (product_id, title, brand)
        assert set(found.attributes) == {"brand", "size", "price"}
        assert found.num_interactions == own.height
        assert found.num_users == own["user_id"].drop_nulls().n_unique()
        assert_commonest([(one.name, one.count) for one in found.top_queries], own["text"])
        weights = sorted(edges.csr.weight[edges.starts[number] : edges.ends[number]].tolist(), reverse=True)
        assert [one.weight for one in found.bought_with] == pytest.approx(weights[:5])


def test_before_the_first_event_there_is_nothing(tiny_graph):
    found = neighbourhood(tiny_graph, "user", 1, tiny_graph.manifest.time_first)
    assert (found.num_interactions, found.last_interactions, found.top_categories, found.last_queries) == (0, [], [], [])


def test_a_graph_without_partners_categories_or_attributes(tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    text = recipe.read_text().replace("    category_path: category_path\n", "") + "edges: {bought_with: null}\n"
    recipe.write_text(text)
    graph = build(recipe, tmp_path / "graph")
    found = neighbourhood(graph, "product", "P001", graph.manifest.time_last + 1)
    assert (found.category, found.bought_with) == (None, [])
    assert neighbourhood(graph, "user", 1, graph.manifest.time_last + 1).top_categories == []


def test_of_a_category_nothing_is_told(tiny_graph):
    with pytest.raises(RequestError, match="the neighbourhood of a user or query or product can be shown, not of a category"):
        neighbourhood(tiny_graph, "category", "food", 0)


def test_an_unknown_id(tiny_graph):
    with pytest.raises(RequestError, match="there is no user '99' in the graph"):
        neighbourhood(tiny_graph, "user", "99", 0)


@pytest.mark.parametrize(
    ("actions", "verb"),
    [(("purchase",), "bought"), (("click",), "clicked"), (("cart",), "interacted with"), (("purchase", "click"), "interacted with")],
)
def test_what_users_do_is_said_by_the_action(tmp_path, actions, verb):
    assert interaction_verb(build(write_tiny_shop(tmp_path / "shop", actions=actions), tmp_path / "graph")) == verb
