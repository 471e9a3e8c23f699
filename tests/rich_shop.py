"""The tiny shop with all that a catalogue may hold: places on both sides, gaps among the prices, related products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from shops import write_tiny_shop

PARTS: dict[str, Any] = {
    "product": {"brand": True, "related": 2, "half_life_days": 9, "numeric_buckets": 4, "degree": True},
    "query": {"half_life_days": 9},
    "user": {"brands": True, "profile_length": 7},
    "shared_attributes": [{"name": "place", "user": ["region", "town"], "product": ["region", "town"]}],
}
"""Settings that switch every part of the towers on."""


def write_rich_shop(folder: Path, seed: int = 0) -> Path:
    """Write the shop and return its recipe's path; the last two users are known from events alone."""
    recipe = write_tiny_shop(folder, seed)
    random = np.random.Generator(np.random.Philox(seed + 100))
    products, users = pl.read_parquet(folder / "products.parquet"), pl.read_parquet(folder / "users.parquet")
    related = [[f"P{place:03d}" for place in random.permutation(products.height)[: random.integers(0, 5)]] for _ in range(products.height)]
    gaps = pl.Series(random.random(products.height) < 0.2)
    products.with_columns(
        *_places(random, products.height),
        price=pl.when(gaps).then(None).otherwise("price"),
        also=pl.Series(related, dtype=pl.List(pl.String)),
    ).write_parquet(folder / "products.parquet")
    users.with_columns(*_places(random, users.height)).write_parquet(folder / "users.parquet")
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["tables"]["products"] |= {"attributes": ["size", "region", "town"], "related": {"also": {"timeless": True}}}
    content["tables"]["users"]["attributes"] += ["region", "town"]
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return recipe


def _places(random: np.random.Generator, count: int) -> list[pl.Series]:
    regions, towns = random.choice(["north", "south", None], count), random.choice(["Ås", "Bo", "Fa", None], count)
    return [pl.Series("region", regions.tolist(), pl.String), pl.Series("town", towns.tolist(), pl.String)]
