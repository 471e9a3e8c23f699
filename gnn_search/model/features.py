"""What the towers know of every node for good: texts, category paths, attributes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.store import Graph


@dataclass(frozen=True)
class Features:
    """Fixed inputs of the towers, by node number.

    Shapes:
        path_indptr: int64 [products + 1], path: int32, the categories from the product's own up to
        the top. attributes: int64 [users, kinds], row of the attribute table, -1 for unknown; num_attributes: rows of that table.
    """

    graph: Graph
    path_indptr: Int64
    path: Int32
    attributes: Int64
    num_attributes: int

    @property
    def num_products(self) -> int:
        return len(self.path_indptr) - 1

    @property
    def num_queries(self) -> int:
        return self.graph.num_nodes["query"]

    @property
    def num_categories(self) -> int:
        return self.graph.num_nodes["category"]

    @classmethod
    def of(cls, graph: Graph) -> Features:
        """Read the features of a graph's nodes."""
        path_indptr, path = _paths(graph)
        attributes, num_attributes = _attributes(graph)
        return cls(
            graph=graph,
            path_indptr=path_indptr,
            path=path,
            attributes=attributes,
            num_attributes=num_attributes,
        )


TextNode = Literal["query", "product", "category"]
"""The node types that have a text."""


def node_texts(graph: Graph, node_type: TextNode) -> list[str]:
    """Return the text of each node: a query's own, a category's name, a product's title and brand."""
    if node_type == "product":
        return product_texts(graph)
    return graph.nodes(node_type)["query" if node_type == "query" else "name"].to_list()


def product_texts(graph: Graph) -> list[str]:
    """Return each product's title, with its brand where the catalogue has one."""
    products = graph.nodes("product")
    columns = [column for column in ("title", "brand") if column in products.columns]
    return products.select(pl.concat_str(columns, separator=" ", ignore_nulls=True))["title"].to_list()


def training_texts(graph: Graph) -> Iterator[str]:
    """Yield the texts that a tokenizer is trained on: titles, category names, and the queries of the training period."""
    yield from product_texts(graph)
    yield from graph.nodes("category")["name"]
    yield from graph.nodes("query")["query"].gather(graph.examples("train")["query"].unique().sort())


def _paths(graph: Graph) -> tuple[Int64, Int32]:
    category = np.asarray(graph.taxonomy.product_category)
    ways = graph.taxonomy.ancestors()
    way = ways[np.maximum(category, 0)] if len(ways) else np.full((len(category), 1), -1, dtype=np.int32)
    inside = (way >= 0) & (category >= 0)[:, None]
    indptr = np.zeros(len(category) + 1, dtype=np.int64)
    np.cumsum(inside.sum(axis=1), out=indptr[1:])
    return indptr, way[inside]


def _attributes(graph: Graph) -> tuple[Int64, int]:
    """Number the values of each user attribute in alphabetical order, one range of numbers an attribute."""
    users = graph.nodes("user")
    columns, first = [], 0
    for name in users.columns[1:]:
        values = users[name].drop_nulls().unique().sort()
        lookup = pl.DataFrame({name: values}).with_row_index("code", offset=first)
        code = users.select(name).join(lookup, on=name, how="left", maintain_order="left")["code"]
        columns.append(code.cast(pl.Int64).fill_null(-1).to_numpy())
        first += len(values)
    return (np.stack(columns, axis=1) if columns else np.empty((users.height, 0), np.int64)), first
