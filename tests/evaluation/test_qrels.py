"""Qrels with actions, grades and spend, by hand and against a plain loop."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import yaml
from shops import build, write_tiny_shop

from gnn_search.errors import RequestError
from gnn_search.evaluation.qrels import GRADES, build_qrels
from gnn_search.graph.cases import build_cases


@pytest.fixture(scope="module")
def priced_graph(tmp_path_factory):
    """The tiny shop with quantities, and with a product in three that has no price."""
    recipe = write_tiny_shop(tmp_path_factory.mktemp("priced"), seed=4)
    events = pl.read_parquet(recipe.parent / "events.parquet")
    events.with_columns(quantity=pl.Series(np.arange(events.height) % 4 + 1)).write_parquet(recipe.parent / "events.parquet")
    products = pl.read_parquet(recipe.parent / "products.parquet")
    price = pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("price")
    products.with_columns(price=price).write_parquet(recipe.parent / "products.parquet")
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["tables"]["events"]["weight"] = "quantity"
    content["tables"]["products"]["price"] = "price"
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return build(recipe, recipe.parent / "graph")


def test_by_hand(fruit_shop):
    """Relevant: {0, 2}, {1}, {2}, {3, 4}, {3}; all were purchased but what nobody did. A click on p0 has a case of its own label."""
    cases = build_cases(fruit_shop)
    found = build_qrels(fruit_shop, cases, "test")
    assert cases.product.tolist() == [0, 2, 1, 2, 3, 4, 3]
    # Ann purchased p0 and clicked on it a day later, for the same query.
    assert found.actions["click"].tolist() == [True, False, False, False, False, False, False]
    assert found.actions["purchase"].all()
    assert found.grade is not None
    assert found.grade.tolist() == [3.0] * 7
    assert found.spend is None


@pytest.mark.parametrize(("limit", "seed"), [(None, 0), (7, 0), (7, 4)])
def test_they_are_what_a_plain_loop_finds(priced_graph, limit, seed):
    cases = build_cases(priced_graph, "test", limit, seed)
    found = build_qrels(priced_graph, cases, "test", limit, seed)
    price = priced_graph.nodes("product")["price"].to_list()
    rows = priced_graph.examples("test").rows(named=True)
    assert found.spend is not None
    assert found.grade is not None
    for row, (case, product) in enumerate(zip(cases.case_of_row(), cases.product, strict=True)):
        user = int(cases.user[case])
        if user < 0:
            continue  # Of two nameless sessions with the same query a loop can't tell which is which.
        label = cases.labels["form"][int(case)]
        events = [e for e in rows if (e["user"], e["query"], e["product"], e["form"]) == (user, cases.query[case], product, label)]
        actions = {event["action"] for event in events}
        assert {action for action, chosen in found.actions.items() if chosen[row]} == actions
        assert found.grade[row] == max(GRADES[action] for action in actions)
        spent = sum(event["weight"] for event in events if event["action"] == "purchase")
        assert found.spend[row] == pytest.approx(spent * (price[product] or 0))
    assert found.spend.sum() > 0


def test_all_that_was_spent_is_somewhere(priced_graph):
    cases = build_cases(priced_graph)
    assert (cases.user < 0).sum() > 1
    found = build_qrels(priced_graph, cases, "test")
    bought = priced_graph.examples("test").filter(pl.col("action") == "purchase")
    price = priced_graph.nodes("product")["price"].fill_null(0.0)
    assert found.spend is not None
    assert found.spend.sum() == pytest.approx((price.gather(bought["product"]) * bought["weight"]).sum())


def test_one_kind_of_action_and_no_prices_leave_nothing_to_say(tmp_path):
    graph = build(write_tiny_shop(tmp_path / "shop", actions=("purchase",)), tmp_path / "graph")
    found = build_qrels(graph, build_cases(graph), "test")
    assert (found.actions, found.grade, found.spend) == ({}, None, None)


def test_a_number_called_price_is_no_price_until_the_recipe_says_so(tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    assert "price" in content["tables"]["products"]["numeric"]
    events = pl.read_parquet(recipe.parent / "events.parquet")
    events.with_columns(quantity=pl.lit(2)).write_parquet(recipe.parent / "events.parquet")
    content["tables"]["events"]["weight"] = "quantity"
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    graph = build(recipe, tmp_path / "graph")
    assert build_qrels(graph, build_cases(graph), "test").spend is None


def test_an_action_of_unknown_worth_leaves_no_grades(tmp_path):
    graph = build(write_tiny_shop(tmp_path / "shop", actions=("purchase", "save for later")), tmp_path / "graph")
    found = build_qrels(graph, build_cases(graph), "test")
    assert set(found.actions) == {"purchase", "save for later"}
    assert found.grade is None


def test_other_cases_are_refused(priced_graph):
    with pytest.raises(RequestError, match=r"these are not the cases of the test period of .* with limit 7 and seed 1; build them so"):
        build_qrels(priced_graph, build_cases(priced_graph, "test", 7, 0), "test", 7, 1)
