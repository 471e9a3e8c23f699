"""Check the catalogue: duplicate products, products in no category, and relevant products that it lacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, observe, share
from gnn_search.audit.shop import AuditedShop

_MANY_TWINS = 0.01
_MANY_OUTSIDE = 0.05


def _twins(shop: AuditedShop) -> Iterator[Observation]:
    products = shop.graph.nodes("product").filter(pl.col("title") != "")
    names = [name for name in ("title", "brand") if name in products.columns]
    same = [pl.col("category"), *(pl.col(name).str.to_lowercase().str.strip_chars().alias(f"same_{name}") for name in names)]
    groups = (
        products.group_by(same, maintain_order=True)
        .agg(pl.first().head(2).alias("ids"), pl.col("title").first(), pl.len().alias("size"))
        .filter(pl.col("size") > 1)
    )
    if groups.is_empty():
        return
    count = int(groups["size"].sum())
    attributes = shop.manifest.recipe["tables"]["products"]["attributes"]
    duplicates = products.select(pl.struct([*same, *map(pl.col, attributes)]).is_duplicated().sum()).item()
    yield Observation(
        severity="warning" if count > _MANY_TWINS * products.height else "note",
        count=count,
        meaning=f"{share(count, products.height)} of the products share title, brand and category with another, "
        f"{'all of these' if duplicates == count else f'{duplicates:,} of them'} their attributes too: their texts are the same, and a "
        "list with the other one counts as wrong.",
        advice="Merge ids of the same product; if they differ, put the difference, such as size, into title or attributes.",
        examples=tuple(
            {"product_id": ids[0], "other_product_id": ids[1], "title": title}
            for ids, title in groups.sort("size", descending=True, maintain_order=True)
            .head(MOST_EXAMPLES)
            .select("ids", "title")
            .iter_rows()
        ),
    )


def _outside(shop: AuditedShop) -> Iterator[Observation]:
    category = np.asarray(shop.graph.taxonomy.product_category)
    outside = np.flatnonzero(category < 0)
    if not len(outside):
        return
    positive = category[shop.product[shop.positive]] < 0
    yield Observation(
        severity="warning" if _MANY_OUTSIDE * len(category) < len(outside) < len(category) else "note",
        count=len(outside),
        meaning=f"Products are in no category ({share(len(outside), len(category))} of the catalogue, "
        f"{share(int(positive.sum()), len(positive))} of the positive interactions): taxonomy negatives fall back to random "
        "ones, and no history is selected by their category.",
        advice="Give them a category, even a broad one.",
        examples=shop.node_examples("product", outside),
    )


_MANY = 0.001
"""Share of the events above which those set aside are worth a warning."""


def _lost(shop: AuditedShop) -> Iterator[Observation]:
    lost = np.flatnonzero(shop.lost)
    yield from observe(
        "error",
        lost,
        meaning="Examples name a user, query or product that the graph does not have, so no list can hold the relevant product.",
        advice="Build the graph again from its tables.",
        examples=shop.event_examples(lost, shop.stored_events),
    )


def _left_out(shop: AuditedShop) -> Iterator[Observation]:
    rejects = pl.read_parquet(shop.graph.layout.rejects).filter(table="events", reason="unknown product")
    if rejects.is_empty():
        return
    read = shop.manifest.rows_read["events"]
    records = rejects["record"].head(MOST_EXAMPLES).str.json_decode(pl.Struct({"query": pl.String, "product_id": pl.String}))
    yield Observation(
        severity="warning" if rejects.height > _MANY * read else "note",
        count=rejects.height,
        meaning=f"Events of products that the catalogue lacks were set aside at the build ({share(rejects.height, read)} of the events): "
        "they are missing from every figure.",
        advice="Add these products to the catalogue (also those no longer sold); rejects.parquet lists the rows.",
        examples=tuple(dict(record) for record in records),
    )


CHECKS = (
    Check("twin-products", "the same title, brand and category under several product ids", _twins),
    Check("uncategorised", "products in no category", _outside),
    Check("lost-events", "examples whose user, query or product the graph lacks", _lost),
    Check("left-out-products", "events set aside because the catalogue lacks their product", _left_out),
)
