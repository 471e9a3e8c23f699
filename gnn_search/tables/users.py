"""The users table."""

from __future__ import annotations

import polars as pl

from gnn_search.tables.rejects import Checked, set_aside
from gnn_search.tables.scan import TableSource


def check_users(raw: pl.DataFrame, source: TableSource, max_share: float) -> Checked:
    """Set aside rows without an id and second rows of one id; the first is kept.

    Raises:
        TableError: Too many rejects, or no usable user.
    """
    user = pl.col("user_id")
    faults = {"no user_id": user.is_null(), "duplicate user_id": user.is_not_null() & ~user.is_first_distinct()}
    return set_aside(raw, faults, ["user_id"], source, max_share)
