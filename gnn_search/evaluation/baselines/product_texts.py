"""What the catalogue says of each product in words."""

from __future__ import annotations

import polars as pl

from gnn_search.graph.store import Graph


def product_texts(graph: Graph) -> pl.Series:
    """Return title, brand and category path of every product, joined by spaces, in the order of the nodes."""
    products = graph.nodes("product")
    parts = [products["title"]]
    if "brand" in products.columns:
        parts.append(products["brand"])
    if "category" in products.columns and graph.num_nodes.get("category", 0):
        parts.append(graph.nodes("category")["path"].gather(products["category"]))
    named = [part.alias(str(i)) for i, part in enumerate(parts)]
    return pl.select(pl.concat_str([pl.lit(part) for part in named], separator=" ", ignore_nulls=True)).to_series()
