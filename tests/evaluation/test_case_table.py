"""What slices are expressed over."""

from __future__ import annotations

import numpy as np
import polars as pl
from shops import build

from gnn_search.config.recipe import Recipe
from gnn_search.evaluation.case_table import case_schema, case_table
from gnn_search.graph.cases import build_cases


def test_by_hand(fruit_shop):
    table = case_table(build_cases(fruit_shop), fruit_shop)
    counts = ("user_interactions", "query_interactions", "product_interactions")
    assert table.select("user_id", "query", "product_id", "form", *counts, "user_kind", "category").rows() == [
        ("ann", "apple", "p0", "broad", 3, 4, 2, "heavy", "fruit > apple"),
        ("ann", "apple", "p2", "broad", 3, 4, 0, "heavy", "fruit > pear"),
        ("ann", "apple", "p1", "narrow", 3, 4, 2, "heavy", "fruit > apple"),
        ("bob", "pear", "p2", "narrow", 2, 0, 0, "light", "fruit > pear"),
        (None, "root", "p3", "narrow", None, 2, 1, "anonymous", "vegetable"),
        (None, "root", "p4", "narrow", None, 2, 1, "anonymous", "vegetable"),
        (None, "root", "p3", "narrow", None, 2, 1, "anonymous", "vegetable"),
    ]


def test_counts_are_those_before_the_period(tiny_graph):
    for period in ("validation", "test"):
        cases = build_cases(tiny_graph, period)
        before = pl.concat(tiny_graph.examples(split) for split in ("train", "validation", "test")).filter(pl.col("time") < cases.time)
        table = case_table(cases, tiny_graph)
        assert table.height == len(cases.product)
        for place in range(0, table.height, 7):
            case, row = int(cases.case_of_row()[place]), table.row(place, named=True)
            user = int(cases.user[case])
            assert row["user_interactions"] == (before.filter(pl.col("user") == user).height if user >= 0 else None)
            assert row["query_interactions"] == before.filter(pl.col("query") == int(cases.query[case])).height
            assert row["product_interactions"] == before.filter(pl.col("product") == int(cases.product[place])).height
            assert row["words"] == len(row["query"].split())


def test_the_columns_are_known_before_there_is_a_graph(tiny_shop, tiny_graph):
    table = case_table(build_cases(tiny_graph), tiny_graph)
    assert case_schema(Recipe.load(tiny_shop)) == {**table.schema, "user_id": pl.String()}
    assert list(case_schema(Recipe.load(tiny_shop))) == table.columns
    assert {"product_price", "product_size", "user_age", "user_city", "form"} <= set(table.columns)


def test_a_taken_name_gets_an_underscore(fresh_shop, tmp_path):
    folder = fresh_shop.parent
    pl.read_parquet(folder / "events.parquet").rename({"form": "words"}).write_parquet(folder / "events.parquet")
    pl.read_parquet(folder / "users.parquet").rename({"age": "kind"}).write_parquet(folder / "users.parquet")
    recipe = fresh_shop.read_text(encoding="utf-8").replace("- form", "- words").replace("- age", "- kind")
    fresh_shop.write_text(recipe, encoding="utf-8")
    graph = build(fresh_shop, tmp_path / "graph")
    table = case_table(build_cases(graph), graph)
    assert set(table["words_"]) == {"broad", "narrow"}
    assert table["words"].dtype == pl.Int64
    assert set(table["user_kind_"].drop_nulls()) <= {"18-34", "35-54", "55+"}
    assert list(case_schema(Recipe.load(fresh_shop))) == table.columns


def test_without_categories(make_graph):
    events = [("ann", "apple", "p0", day, "purchase", f"s{day}", "x") for day in (1, 12, 22)]
    graph = make_graph([("p0", "apple", None, None)], events)
    table = case_table(build_cases(graph), graph)
    assert table.select("category", "top_category").row(0) == (None, None)
    assert np.array_equal(table["user_interactions"], [2])
