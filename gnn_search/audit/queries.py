"""Check for queries that give the answer away: names of categories, titles of products."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from gnn_search.arrays import Bool
from gnn_search.audit.check import MOST_EXAMPLES, Check, Example, Observation, share
from gnn_search.audit.shop import AuditedShop
from gnn_search.tables.text import normalise_distinct

NAMED_QUERIES = "named-queries"
_MOST_VALUES = 8
"""Values of a label whose share is shown."""


def _look(shop: AuditedShop) -> Iterator[Observation]:
    tested = shop.positive & shop.measured & shop.in_period("test")
    categories, products = shop.graph.nodes("category"), shop.graph.nodes("product")
    yield from _named(
        shop,
        tested,
        categories["name"],
        "the name of a category",
        "the query gives the category away, and only what goes beyond popularity within the query shows skill",
        "Look at the slices with few such queries, and at the differences to query_popularity.",
        pl.Series("category", categories["path"]),
    )
    yield from _named(
        shop,
        tested,
        products["title"],
        "the title of a product",
        "such a search is for one known product, which any lexical search finds",
        "Compare with bm25 before a model gets the credit.",
        pl.Series("product_id", products.to_series(0)),
    )


def _named(
    shop: AuditedShop, tested: Bool, names: pl.Series, what: str, meaning: str, advice: str, identifier: pl.Series
) -> Iterator[Observation]:
    """Yield a note on the test period's interactions whose query is one of some names."""
    texts = shop.graph.nodes("query")["query"]
    table = pl.DataFrame({"text": normalise_distinct(names), "identifier": identifier}).drop_nulls("text")
    named = table.unique("text", keep="first", maintain_order=True)
    found = texts.to_frame("text").join(named, on="text", how="left", maintain_order="left")["identifier"]
    is_name = found.is_not_null().to_numpy()
    hits = tested & is_name[shop.query]
    if not hits.any():
        return
    queries, count = np.unique(shop.query[hits], return_counts=True)
    commonest = queries[np.argsort(-count, kind="stable")][:MOST_EXAMPLES]
    examples: list[Example] = [{"query": texts[int(row)], identifier.name: found[int(row)]} for row in commonest]
    yield Observation(
        severity="note",
        count=int(hits.sum()),
        meaning=f"{share(int(hits.sum()), int(tested.sum()))} of the test period's interactions have a query that is {what}"
        f"{_by_label(shop, tested, hits)}: {meaning}.",
        advice=advice,
        examples=tuple(examples),
    )


def _by_label(shop: AuditedShop, tested: Bool, hits: Bool) -> str:
    """Return the share in each slice by label, as text."""
    parts = []
    for label in shop.manifest.labels:
        values = shop.events[label]
        for value in sorted(values.filter(tested).drop_nulls().value_counts(sort=True)[label].head(_MOST_VALUES).to_list()):
            within = (values == value).fill_null(False).to_numpy() & tested
            parts.append(f"{label} {value} {share(int((hits & within).sum()), int(within.sum()))}")
    return f" ({', '.join(parts)})" if parts else ""


CHECKS = (Check(NAMED_QUERIES, "queries that are names of categories or titles of products", _look),)
