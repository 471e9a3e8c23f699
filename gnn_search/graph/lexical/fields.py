"""The texts of products, field by field."""

from __future__ import annotations

import polars as pl

from gnn_search.config.lexical import FieldWeights
from gnn_search.graph.store import Graph


def product_fields(graph: Graph, weights: FieldWeights) -> list[tuple[pl.Series, float]]:
    """Return each field that the catalogue has and that is searched: its texts, one a product, empty for none, and its weight."""
    products = graph.nodes("product")
    texts = {"title": products["title"]}
    texts |= {name: products[name] for name in ("brand", "description") if name in products.columns}
    if "category" in products.columns and graph.num_nodes.get("category", 0):
        texts["category"] = graph.nodes("category")["path"].gather(products["category"])
    return [(texts[name].fill_null(""), weight) for name, weight in weights.model_dump().items() if name in texts and weight > 0]


def searched_text(graph: Graph) -> pl.Series:
    """Return title, brand and category path of every product, joined by spaces, in the order of the nodes."""
    fields = product_fields(graph, FieldWeights(description=0))
    named = [texts.replace("", None).alias(str(place)) for place, (texts, _) in enumerate(fields)]
    return pl.select(pl.concat_str([pl.lit(texts) for texts in named], separator=" ", ignore_nulls=True)).to_series()
