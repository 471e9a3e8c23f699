"""The products table."""

from __future__ import annotations

import polars as pl

from gnn_search.config.recipe import ProductsTable
from gnn_search.tables.rejects import Checked, set_aside
from gnn_search.tables.scan import TableSource


def check_products(
    raw: pl.DataFrame, table: ProductsTable, categories: pl.DataFrame | None, source: TableSource, max_share: float
) -> Checked:
    """Bring products to their final types and set aside those that can't be used.

    Set aside: no id, no title, a second row of one id (the first usable one is kept), a category that the categories table
    lacks, a number that is none. `raw` holds the columns as read, ids already of one type, and `max_share` is the largest share of rejects.

    Raises:
        TableError: Too many rejects, or no usable product.
    """
    faults = {
        "no product_id": pl.col("product_id").is_null(),
        "no title": pl.col("title").is_null() | (pl.col("title").str.strip_chars() == ""),
    }
    if table.category_id is not None and categories is not None:
        faults["unknown category"] = ~pl.col("category_id").is_in(categories["category_id"].unique().implode())
    for name in table.numeric:
        faults[f"'{name}' is no number"] = _no_number(raw, name)
    flawless = ~pl.any_horizontal(fault.fill_null(False) for fault in faults.values())
    faults["duplicate product_id"] = flawless & ~pl.struct("product_id", flawless.alias("flawless")).is_first_distinct()
    checked = set_aside(raw, faults, ["product_id", "category_id"] if table.category_id is not None else ["product_id"], source, max_share)
    return Checked(_finish(checked.rows, table), checked.rejects, checked.read)


def _no_number(raw: pl.DataFrame, name: str) -> pl.Expr:
    value = pl.col(name)
    if raw.schema[name] == pl.String:
        given = value.str.strip_chars() != ""
        return given & ~_number(raw, name).is_finite().fill_null(False)
    # NaN is how many tools write "no value".
    return _number(raw, name).is_infinite()


def _number(raw: pl.DataFrame, name: str) -> pl.Expr:
    text = raw.schema[name] == pl.String
    value = pl.col(name).str.strip_chars() if text else pl.col(name)
    return value.cast(pl.Float64, strict=False)


def _finish(rows: pl.DataFrame, table: ProductsTable) -> pl.DataFrame:
    id_type = rows.schema["product_id"]
    finished = rows.with_columns(
        *(_number(rows, name).fill_nan(None).alias(name) for name in table.numeric),
        *(pl.col(name).cast(pl.List(id_type)).list.drop_nulls().alias(name) for name in table.related),
    )
    return finished.with_columns(_clean_path(rows, table.separator)) if table.category_path is not None else finished


def _clean_path(rows: pl.DataFrame, separator: str) -> pl.Expr:
    path = pl.col("category_path")
    parts = path.str.split(separator) if rows.schema["category_path"] == pl.String else path
    stripped = parts.list.eval(pl.element().str.strip_chars())
    named = stripped.list.eval(pl.element().filter((pl.element() != "").fill_null(False)))
    return pl.when(named.list.len() > 0).then(named).alias("category_path")
