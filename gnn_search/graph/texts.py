"""The texts of a graph's nodes."""

from __future__ import annotations

from typing import Literal

import polars as pl

from gnn_search.graph.store import Graph

TextNode = Literal["query", "product", "category"]
"""The node types that have a text."""


def node_texts(graph: Graph, node_type: TextNode) -> list[str]:
    """Return the text of each node: a query's own, a category's name, a product's title and brand."""
    if node_type == "product":
        return product_texts(graph.nodes("product"))
    return graph.nodes(node_type)["query" if node_type == "query" else "name"].to_list()


def product_texts(products: pl.DataFrame) -> list[str]:
    """Return each product's title, with its brand where the catalogue has one."""
    columns = [column for column in ("title", "brand") if column in products.columns]
    return products.select(pl.concat_str(columns, separator=" ", ignore_nulls=True))["title"].to_list()
