"""A small shop that has judgements beside or instead of events, written as raw tables with a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from shops import write_recipe

KINDS = ("drill", "hammer", "paint", "brush", "lamp")
SHADES = ("red", "blue", "green", "white")
SPLITS = ("train", "train", "train", "validation", "test")
"""Of the shades of each kind, and of the kind alone."""
RELEVANT = 2
JUDGEMENTS: Mapping[str, Any] = {"split": "split", "relevant": RELEVANT, "gains": {1: 0, 3: 2}}
"""The recipe's table, but for its path."""


def judged_pairs() -> pl.DataFrame:
    """Return a query of each kind alone and with each shade: the product itself has 3, others of the kind 2, one of another kind 1."""
    rows = []
    for place, kind in enumerate(KINDS):
        other = KINDS[(place + 1) % len(KINDS)]
        for shade, split in zip((*SHADES, ""), SPLITS[place:] + SPLITS[:place], strict=True):
            query = f"{shade} {kind}".strip()
            rows += [(query, f"{one}-{kind}", 3 if one in (shade, "") or not shade else 2, split) for one in SHADES[: 3 if shade else 2]]
            rows.append((query, f"{SHADES[place % 4]}-{other}", 1, split))
    return pl.DataFrame(rows, schema={"query": pl.String, "product_id": pl.String, "grade": pl.Float64, "split": pl.String}, orient="row")


def write_judgement_shop(
    folder: Path, judgements: pl.DataFrame | None = None, table: Mapping[str, Any] = JUDGEMENTS, *, events: bool = False, **further: Any
) -> Path:
    """Write products, judgements and, where wanted, anonymous events over thirty days; return the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    products = [
        (f"{shade}-{kind}", f"{shade} {kind} number {place}", ["tools", kind]) for kind in KINDS for place, shade in enumerate(SHADES)
    ]
    schema = {"product_id": pl.String, "title": pl.String, "path": pl.List(pl.String)}
    pl.DataFrame(products, schema=schema, orient="row").write_parquet(folder / "products.parquet")
    (judged_pairs() if judgements is None else judgements).write_parquet(folder / "judgements.parquet")
    tables: dict[str, Mapping[str, Any]] = {"products": {"category_path": "path"}, "judgements": table}
    split: Mapping[str, Any] = {"by": "judgements"}
    if events:
        anonymous_events().write_parquet(folder / "events.parquet")
        tables["events"] = {"user_id": None, "default_action": "click"}
        split = {"by": "time", "validation": datetime(2024, 1, 21), "test": datetime(2024, 1, 26)}
    return write_recipe(folder, tables, split, **further)


def anonymous_events() -> pl.DataFrame:
    """Return four clicks a day, without a column for users."""
    return pl.DataFrame(
        [
            (
                f"{SHADES[(day + hour) % 4]} {KINDS[hour]}",
                f"{SHADES[(day + hour) % 4]}-{KINDS[hour]}",
                datetime(2024, 1, 1) + timedelta(day, 3600 * hour),
            )
            for day in range(30)
            for hour in range(4)
        ],
        schema=["query", "product_id", "timestamp"],
        orient="row",
    )
