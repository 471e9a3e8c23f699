"""The categories table."""

from __future__ import annotations

import polars as pl

from gnn_search.tables.rejects import Checked, set_aside
from gnn_search.tables.scan import TableSource


def check_categories(raw: pl.DataFrame, source: TableSource, max_share: float) -> Checked:
    """Set aside categories without id or name, and repeats of one id under one parent.

    One id under two parents is kept: whether the categories make a tree is for the graph's taxonomy to say.

    Raises:
        TableError: Too many rejects, or no usable category.
    """
    faults = {
        "no category_id": pl.col("category_id").is_null(),
        "no name": pl.col("name").is_null() | (pl.col("name").str.strip_chars() == ""),
    }
    flawless = ~pl.any_horizontal(fault.fill_null(False) for fault in faults.values())
    faults["duplicate category_id"] = flawless & ~pl.struct("category_id", "parent_id", flawless.alias("flawless")).is_first_distinct()
    return set_aside(raw, faults, ["category_id", "parent_id"], source, max_share)
