"""The events table."""

from __future__ import annotations

import polars as pl

from gnn_search.config.recipe import EventsTable
from gnn_search.errors import TableError
from gnn_search.layout import relation_fault
from gnn_search.tables.columns import to_microseconds
from gnn_search.tables.rejects import Checked, set_aside
from gnn_search.tables.scan import ROW, TableSource
from gnn_search.tables.text import normalise_distinct

SPLITS = ("train", "validation", "test")


def check_events(raw: pl.DataFrame, table: EventsTable, products: pl.Series, source: TableSource, max_share: float) -> Checked:
    """Bring events to their final types, set aside those that can't be used, and sort the rest by time.

    Set aside: no product, a product that is not among the usable ones, no query, no or an unreadable timestamp, no action, a weight that is
    missing, negative or no number, a split other than train, validation and test. A null user is an anonymous event. `raw` holds the
    columns as read, ids already of one type, `products` the ids of the usable products, and `max_share` is the largest share of rejects.

    Raises:
        TableError: Too many rejects, no usable event, or an action that can't name a relation.
    """
    if table.user_id is None:
        raw = raw.with_columns(user_id=pl.lit(None, dtype=pl.String))
    frame = raw.with_columns(
        normalise_distinct(raw["query"]).alias("query"),
        to_microseconds(raw["timestamp"]).alias("time"),
        (pl.lit(table.default_action) if table.action is None else pl.col("action")).alias("action"),
        (pl.lit(1.0) if table.weight is None else pl.col("weight").cast(pl.Float32, strict=False)).cast(pl.Float32).alias("weight"),
    )
    checked = set_aside(frame, _faults(frame, products), ["user_id", "query", "product_id", "timestamp"], source, max_share)
    _check_actions(checked.rows["action"], frame, table, source)
    columns = ["user_id", "query", "product_id", "time", "action", "session_id", "weight", "split", *table.labels]
    rows = checked.rows.select(name for name in columns if name in checked.rows.columns)
    return Checked(rows if rows["time"].is_sorted() else rows.sort("time", maintain_order=True), checked.rejects, checked.read)


def no_events(product_id: pl.DataType) -> pl.DataFrame:
    """Return the events of a shop without an events table: none, in the columns that all shops' have."""
    schema = {"user_id": pl.String(), "query": pl.String(), "product_id": product_id, "time": pl.Int64(), "action": pl.String()}
    return pl.DataFrame(schema={**schema, "weight": pl.Float32()})


def _check_actions(actions: pl.Series, frame: pl.DataFrame, table: EventsTable, source: TableSource) -> None:
    """Refuse actions that can't name a relation of the graph."""
    for action in actions.unique(maintain_order=True):
        if fault := relation_fault(action):
            row = frame.filter(pl.col("action") == action)[ROW][0]
            raise TableError(
                f"column '{table.action}' of {source.place}, row {row} counted from 0: the action {action[:60]!r} can't name a relation: "
                f"{fault}; rename the action"
            )


def _faults(frame: pl.DataFrame, products: pl.Series) -> dict[str, pl.Expr]:
    product, weight, action = pl.col("product_id"), pl.col("weight"), pl.col("action")
    faults = {
        "no product_id": product.is_null(),
        "unknown product": ~product.is_in(products.implode()),
        "no query": pl.col("query").is_null() | (pl.col("query") == ""),
        "no timestamp": pl.col("timestamp").is_null(),
        "unreadable timestamp": pl.col("time").is_null(),
        "no action": action.is_null() | (action == ""),
        "weight is missing, negative or no number": weight.is_null() | ~weight.is_finite() | (weight < 0),
    }
    if "split" in frame.columns:
        faults[f"split is not {SPLITS[0]}, {SPLITS[1]} or {SPLITS[2]}"] = pl.col("split").is_null() | ~pl.col("split").is_in(SPLITS)
    return faults
