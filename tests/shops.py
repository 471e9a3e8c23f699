"""Small made-up shops, written as raw tables with a recipe beside them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from gnn_search.config.recipe import Recipe
from gnn_search.graph.build import build_graph
from gnn_search.graph.store import Graph

START = datetime(2024, 1, 1)
DAY = 86_400_000_000
"""µs."""

# Ragged: some products lie two levels deep, some three, and "drinks" holds products itself.
_PATHS = (
    ["food", "bakery", "bread"],
    ["food", "bakery", "cake"],
    ["food", "dairy"],
    ["food", "fruit", "berries"],
    ["drinks"],
    ["drinks", "tea"],
    ["home", "kitchen", "knives"],
    ["home", "garten & möbel"],
)
_WORDS = ("small", "large", "red", "fresh", "old", "crème", "organic", "plain")
_SHOPPER_DAYS = 60
_VALIDATION_DAY = 44
_TEST_DAY = 52


def write_tiny_shop(
    folder: Path,
    seed: int = 0,
    *,
    products: int = 40,
    users: int = 15,
    queries: int = 20,
    events: int = 400,
    actions: Sequence[str] = ("purchase", "click"),
) -> Path:
    """Write a shop over 60 days in which each query has its category and each user favourites, with sessions and anonymous events.

    The tables are `products.parquet`, `users.parquet` and `events.parquet` in `folder`; validation starts on day 44, test on day 52.

    Returns:
        The recipe's path; the tables lie beside it.
    """
    random = np.random.Generator(np.random.Philox(seed))
    folder.mkdir(parents=True, exist_ok=True)
    path_of = np.arange(products) % len(_PATHS)
    _products(random, path_of).write_parquet(folder / "products.parquet")
    _users(random, users).write_parquet(folder / "users.parquet")
    _events(random, path_of, users, queries, events, actions).write_parquet(folder / "events.parquet")
    return write_recipe(
        folder,
        {
            "products": {"brand": "brand", "category_path": "category_path", "attributes": ["size"], "numeric": ["price"]},
            "users": {"attributes": ["age", "city"]},
            "events": {"action": "action", "session_id": "session_id", "labels": ["form"]},
        },
        {"by": "time", "validation": START + timedelta(days=_VALIDATION_DAY), "test": START + timedelta(days=_TEST_DAY)},
    )


def write_recipe(
    folder: Path, tables: Mapping[str, Mapping[str, Any]], split: Mapping[str, Any], suffix: str = "parquet", **further: Any
) -> Path:
    """Write `shop.yaml` for the tables `NAME.SUFFIX` of a folder and return its path."""
    named = {name: {"path": f"{name}.{suffix}", **table} for name, table in tables.items()}
    path = folder / "shop.yaml"
    content = {"name": "tiny", "tables": named, "split": dict(split), **further}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def build(recipe: Path, out: Path) -> Graph:
    """Build the graph of a recipe whose tables lie beside it."""
    return build_graph(Recipe.load(recipe), recipe.parent, out)


def _products(random: np.random.Generator, path_of: np.ndarray) -> pl.DataFrame:
    count = len(path_of)
    adjective = random.choice(_WORDS, count)
    return pl.DataFrame(
        {
            "product_id": [f"P{number:03d}" for number in range(count)],
            "title": [f"{word} {_PATHS[path][-1]} {number}" for number, (word, path) in enumerate(zip(adjective, path_of, strict=True))],
            "brand": random.choice(["acme", "nord", None], count).tolist(),
            "category_path": [_PATHS[path] for path in path_of],
            "size": random.choice(["1 kg", "500 g", None], count).tolist(),
            "price": random.uniform(1, 50, count).round(2),
        },
        schema_overrides={"brand": pl.String, "size": pl.String},
    )


def _users(random: np.random.Generator, count: int) -> pl.DataFrame:
    """Users 1, 2, …; the last two are known from events alone."""
    listed = max(count - 2, 1)
    return pl.DataFrame(
        {
            "user_id": np.arange(1, listed + 1),
            "age": random.choice(["18-34", "35-54", "55+"], listed),
            "city": random.choice(["Köln", "東京", None], listed).tolist(),
        },
        schema_overrides={"city": pl.String},
    )


def _events(random: np.random.Generator, path_of: np.ndarray, users: int, queries: int, count: int, actions: Sequence[str]) -> pl.DataFrame:
    per_session = 4
    sessions = -(-count // per_session)
    session = np.repeat(np.arange(sessions), per_session)[:count]
    shopper = random.integers(0, users, sessions)[session]
    nobody = (random.random(sessions) < 0.15)[session]
    minute = random.integers(0, _SHOPPER_DAYS * 24 * 60, sessions)[session] + random.integers(0, 30, count)
    favourites = random.integers(0, len(path_of), (users, 3))[shopper, random.integers(0, 3, count)]
    product = np.where(random.random(count) < 0.4, favourites, random.integers(0, len(path_of), count))
    # A query's number modulo the paths is the path that it means; one in ten leads elsewhere.
    number = random.integers(0, -(-queries // len(_PATHS)), count) * len(_PATHS) + path_of[product]
    number = np.where((number < queries) & (random.random(count) > 0.1), number, random.integers(0, queries, count))
    return pl.DataFrame(
        {
            "user_id": pl.Series(shopper + 1).set(pl.Series(nobody), None),
            "query": [f"{_PATHS[place % len(_PATHS)][-1]} {place // len(_PATHS)}" for place in number],
            "product_id": [f"P{place:03d}" for place in product],
            "timestamp": [START + timedelta(minutes=int(after)) for after in minute],
            "action": random.choice(list(actions), count, p=[1 - 0.2 * (len(actions) - 1), *[0.2] * (len(actions) - 1)]),
            "session_id": [f"S{place}" for place in session],
            "form": random.choice(["broad", "narrow"], count),
        }
    )


if __name__ == "__main__":
    write_tiny_shop(Path(sys.argv[1]))
