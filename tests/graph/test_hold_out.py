"""Shoppers and products that are made new."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from shops import build, write_recipe

from gnn_search.audit.run import audit
from gnn_search.config.recipe import HoldOut, Recipe
from gnn_search.errors import TableError
from gnn_search.graph.build import build_graph
from gnn_search.graph.cases import build_cases
from gnn_search.graph.hold_out import HELD_OUT
from gnn_search.graph.store import Graph
from gnn_search.tables.events import SPLITS


def held(recipe: Recipe, **settings: float) -> Recipe:
    return recipe.model_copy(update={"split": recipe.split.model_copy(update={"hold_out": HoldOut.model_validate(settings)})})


@pytest.fixture(scope="module")
def held_graph(tiny_shop, tmp_path_factory) -> Graph:
    recipe = held(Recipe.load(tiny_shop), users=0.2, products=0.1, seed=1)
    return build_graph(recipe, tiny_shop.parent, tmp_path_factory.mktemp("held") / "graph")


def both(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    out = graph.examples(HELD_OUT)
    return out.filter("new_user")["user"].unique().sort().to_numpy(), out.filter("new_product")["product"].unique().sort().to_numpy()


def test_the_shares_are_drawn_and_the_rest_is_kept(held_graph, tiny_graph):
    users, products = both(held_graph)
    assert len(users) == 3  # A fifth of 15.
    assert len(products) == 4  # A tenth of 40.
    everything, out = pl.concat(tiny_graph.examples(split) for split in SPLITS), held_graph.examples(HELD_OUT)
    before = pl.col("time") < tiny_graph.manifest.test_start
    wanted = before & (pl.col("user").is_in(users.tolist()).fill_null(False) | pl.col("product").is_in(products.tolist()))
    columns = ["user", "query", "product", "action", "time", "form"]
    assert out.select(columns).equals(everything.filter(wanted).select(columns))
    kept = pl.concat(held_graph.examples(split) for split in SPLITS)
    assert kept.select(columns).equals(everything.filter(~wanted).select(columns))
    assert held_graph.manifest.num_examples[HELD_OUT] == out.height


def test_nothing_of_them_is_known_before_the_test_period(held_graph):
    view = held_graph.before(held_graph.manifest.test_start)
    users, products = both(held_graph)
    for edge_type in held_graph.edge_types:
        rows = {"user": users, "product": products}.get(edge_type[2])
        if rows is not None and edge_type[0] != "category":
            assert not view.edges(edge_type).degree()[rows].any()


def test_their_cases_are_there(held_graph, tiny_graph):
    users, products = both(held_graph)
    cases, expected = build_cases(held_graph), build_cases(tiny_graph)
    assert np.array_equal(cases.user, expected.user)
    assert np.array_equal(cases.product, expected.product)
    assert np.isin(cases.user, users).any()
    assert np.isin(cases.product, products).any()
    assert not cases.repeat[np.isin(cases.user[cases.case_of_row()], users)].any()


def test_the_audit_finds_no_error(held_graph):
    report = audit(held_graph)
    assert report.of("error") == []
    assert "held-out" in report.clean


def test_the_seed_decides_who(tiny_shop, held_graph, tmp_path):
    recipe = Recipe.load(tiny_shop)
    same = build_graph(held(recipe, users=0.2, products=0.1, seed=1), tiny_shop.parent, tmp_path / "same")
    assert same.manifest.hash == held_graph.manifest.hash
    other = build_graph(held(recipe, users=0.2, products=0.1, seed=2), tiny_shop.parent, tmp_path / "other")
    assert both(other)[0].tolist() != both(held_graph)[0].tolist()


def test_a_small_share_holds_one_out(tiny_shop, tmp_path):
    graph = build_graph(held(Recipe.load(tiny_shop), users=0.001), tiny_shop.parent, tmp_path / "graph")
    users, products = both(graph)
    assert len(users) == 1
    assert len(products) == 0


def test_too_large_a_share_is_refused(tiny_shop, tmp_path):
    with pytest.raises(TableError, match="hold_out leaves none for train; hold out a smaller share of users or products"):
        build_graph(held(Recipe.load(tiny_shop), products=0.99), tiny_shop.parent, tmp_path / "graph")


def test_related_products_are_unlearned(tmp_path):
    ids = [f"p{number}" for number in range(6)]
    related = [[other for other in ids if other != one] for one in ids]
    pl.DataFrame({"product_id": ids, "title": ids, "also": related}).write_parquet(tmp_path / "products.parquet")
    rows = [("ann", "pear", one, f"2024-01-0{day}") for day in (1, 3, 5) for one in ids]
    pl.DataFrame(rows, schema=["user_id", "query", "product_id", "timestamp"], orient="row").write_parquet(tmp_path / "events.parquet")
    split = {"by": "time", "validation": "2024-01-02", "test": "2024-01-04", "hold_out": {"products": 0.3}}
    graph = build(write_recipe(tmp_path, {"products": {"related": {"also": {"timeless": True}}}, "events": {}}, split), tmp_path / "graph")
    products = both(graph)[1]
    assert len(products) == 2
    degree = graph.before(0).edges(("product", "also", "product")).degree()
    assert degree.tolist() == [0 if one in products else 3 for one in range(6)]
    assert audit(graph).of("error") == []
