"""The judgements table: how well products answer queries, as people see it."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, UInt64
from gnn_search.config.recipe import JudgementsTable
from gnn_search.errors import TableError
from gnn_search.tables.events import SPLITS
from gnn_search.tables.rejects import Checked, set_aside
from gnn_search.tables.scan import TableSource
from gnn_search.tables.text import normalise_distinct

_VALIDATION, _TEST = 80, 90
"""Of a hundred queries, which is the first of a split."""


def check_judgements(raw: pl.DataFrame, table: JudgementsTable, products: pl.Series, source: TableSource, max_share: float) -> Checked:
    """Bring judgements to their final types and set aside those that can't be used; several rows of a pair become their mean.

    Set aside: no product, a product that is not among the usable ones, no query, a grade that is missing or no number, a split other than
    train, validation and test, and a row whose query another row puts into a later split. `raw` holds the columns as read, ids
    already of one type, `products` the ids of the usable products, and `max_share` is the largest share of rejects.

    Returns:
        `query`, `product_id`, `grade` and `split` of each pair, in the order of the pairs' first rows.

    Raises:
        TableError: Too many rejects, no usable row, or a split without a relevant product.
    """
    frame = raw.with_columns(
        normalise_distinct(raw["query"]).alias("query"), pl.col("grade").cast(pl.Float32, strict=False).alias("number")
    )
    if table.split is None:
        frame = frame.join(_drawn_splits(frame["query"], table.seed), on="query", how="left", maintain_order="left")
    checked = set_aside(frame, _faults(products), ["query", "product_id", "grade"], source, max_share)
    pairs = checked.rows.group_by("query", "product_id", maintain_order=True).agg(
        grade=pl.col("number").mean(), split=pl.col("split").first()
    )
    rows = pairs.select("query", "product_id", pl.col("grade").cast(pl.Float32), "split")
    _check_splits(rows.filter(relevant_pairs(rows, table)), table, source)
    return Checked(rows, checked.rejects, checked.read)


def relevant_pairs(rows: pl.DataFrame, table: JudgementsTable) -> Bool:
    """Say which judged pairs count as relevant: bool [rows]."""
    # In the precision of the grades, in which 2.33 is a little less than 2.33.
    return np.asarray(rows["grade"].to_numpy() >= np.float32(table.relevant))


def hash_texts(texts: pl.Series, seed: int) -> UInt64:
    """Return a number of each text that depends on nothing but the text and a seed: uint64 [texts]."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts.to_list())
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _drawn_splits(queries: pl.Series, seed: int) -> pl.DataFrame:
    distinct = queries.drop_nulls().unique(maintain_order=True)
    part = np.searchsorted([_VALIDATION, _TEST], hash_texts(distinct, seed) % np.uint64(100), side="right")
    return pl.DataFrame({"query": distinct, "split": pl.Series(np.array(SPLITS)[part], dtype=pl.String)})


def _faults(products: pl.Series) -> dict[str, pl.Expr]:
    product, query, number = pl.col("product_id"), pl.col("query"), pl.col("number")
    place = pl.col("split").replace_strict(dict(zip(SPLITS, range(len(SPLITS)), strict=True)), default=None, return_dtype=pl.Int8)
    return {
        "no product_id": product.is_null(),
        "unknown product": ~product.is_in(products.implode()),
        "no query": query.is_null() | (query == ""),
        "grade is missing or no number": number.is_null() | ~number.is_finite(),
        f"split is not {SPLITS[0]}, {SPLITS[1]} or {SPLITS[2]}": place.is_null(),
        "its query stands in a later split too": place < place.max().over("query"),
    }


def _check_splits(relevant: pl.DataFrame, table: JudgementsTable, source: TableSource) -> None:
    for split in SPLITS:
        if relevant.filter(pl.col("split") == split).is_empty():
            raise TableError(
                f"{source.place}: no pair of the {split} split has a grade of {table.relevant:g} or more, so there is nothing to "
                f"{'learn' if split == SPLITS[0] else 'measure'}; lower tables.judgements.relevant, or divide the queries otherwise"
            )
