"""Small shops as graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from gnn_search.config.recipe import Recipe
from gnn_search.graph.build import build_graph
from gnn_search.graph.store import Graph

MakeGraph = Callable[..., Graph]

_DAY_ZERO = datetime(2020, 1, 1)


@pytest.fixture(scope="session")
def make_graph(tmp_path_factory) -> MakeGraph:
    """Return a function that builds the graph of a shop from rows in Python.

    An event is (user or None, query, product, day, action, session, form); validation starts on day 10, test on day 20. Products are
    numbered in the order given, as (id, title, brand, path) rows.
    """

    def make(products: Sequence[tuple[Any, ...]], events: Sequence[tuple[Any, ...]]) -> Graph:
        folder = tmp_path_factory.mktemp("shop")
        columns = {"product_id": pl.String, "title": pl.String, "brand": pl.String, "path": pl.List(pl.String)}
        pl.DataFrame(list(products), schema=columns, orient="row").write_parquet(folder / "products.parquet")
        names = ["user_id", "query", "product_id", "day", "action", "session", "form"]
        frame = pl.DataFrame(list(events), schema=names, orient="row", infer_schema_length=None)
        moments = [_DAY_ZERO + timedelta(days=day) for day in frame["day"]]
        frame.with_columns(pl.col("user_id").cast(pl.String), timestamp=pl.Series(moments)).drop("day").write_parquet(
            folder / "events.parquet"
        )
        recipe = Recipe.model_validate(
            {
                "name": "small",
                "tables": {
                    "products": {"path": "products.parquet", "brand": "brand", "category_path": "path"},
                    "events": {"path": "events.parquet", "action": "action", "session_id": "session", "labels": ["form"]},
                },
                "edges": {"bought_with": None},
                "split": {"by": "time", "validation": _DAY_ZERO + timedelta(days=10), "test": _DAY_ZERO + timedelta(days=20)},
            }
        )
        return build_graph(recipe, folder, folder / "graph")

    return make


@pytest.fixture(scope="session")
def fruit_shop(make_graph) -> Graph:
    """Return six products and a handful of events; the users are ann (0) and bob (1)."""
    products = [
        ("p0", "red apple", "acme", ["fruit", "apple"]),
        ("p1", "green apple", None, ["fruit", "apple"]),
        ("p2", "sweet pear", "acme", ["fruit", "pear"]),
        ("p3", "carrot", None, ["vegetable"]),
        ("p4", "potato", None, ["vegetable"]),
        ("p5", "erdbeere äöü", None, None),
    ]
    events = [
        ("ann", "apple", "p0", 1, "purchase", "s1", "broad"),
        ("ann", "apple", "p0", 2, "click", "s2", "broad"),
        ("ann", "apple", "p2", 3, "impression", "s2", "broad"),
        ("bob", "apple", "p1", 4, "purchase", "s3", "broad"),
        ("bob", "root", "p3", 5, "purchase", "s3", "narrow"),
        (None, "root", "p4", 6, "purchase", "s4", "narrow"),
        ("ann", "apple", "p1", 11, "purchase", "s5", "broad"),
        # The test period.
        ("ann", "apple", "p2", 21, "purchase", "s6", "broad"),
        ("ann", "apple", "p0", 21, "purchase", "s6", "broad"),
        ("ann", "apple", "p0", 22, "click", "s7", "broad"),
        ("ann", "apple", "p4", 22, "impression", "s7", "broad"),
        ("ann", "apple", "p1", 22, "purchase", "s7", "narrow"),
        ("bob", "pear", "p2", 23, "purchase", "s8", "narrow"),
        (None, "root", "p3", 24, "purchase", "s9", "narrow"),
        (None, "root", "p4", 24, "purchase", "s9", "narrow"),
        (None, "root", "p3", 25, "purchase", "s10", "narrow"),
        ("bob", "root", "p5", 26, "impression", "s11", "narrow"),
    ]
    return make_graph(products, events)


@pytest.fixture(scope="session")
def random_shop(make_graph) -> Callable[[int], tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], Graph]]:
    """Return a function from a seed to the rows and the graph of a random shop with repeats, ties, unknown users and impressions."""

    def make(seed: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], Graph]:
        random = np.random.default_rng(seed)
        words = np.array(["red", "green", "blue", "big", "apple", "pear", "carrot", "naïve", "x"])
        paths = [["fruit", "apple"], ["fruit", "pear"], ["vegetable"], None]
        products: list[tuple[Any, ...]] = []
        for i in range(18):
            title = " ".join(random.choice(words, size=random.integers(1, 4)))
            products.append((f"p{i:02}", title, random.choice(["acme", "zen", None]), paths[random.integers(4)]))
        queries = ["red apple", "pear", "apple apple x", "naïve", "nothing of it", "green"]
        events: list[tuple[Any, ...]] = []
        for i in range(160):
            user = random.choice(["ann", "bob", "cem", "dee", None])
            product = int(min(random.geometric(0.2) - 1, 17))
            action = random.choice(["purchase", "click", "impression"], p=[0.5, 0.3, 0.2])
            day = [0, 12, 25][i] if i < 3 else int(random.integers(0, 30))
            events.append((user, random.choice(queries), f"p{product:02}", day, action, f"s{i}", random.choice(["broad", "narrow"])))
        return products, events, make_graph(products, events)

    return make
