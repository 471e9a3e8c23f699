"""Fixed inputs of the towers: texts, category paths and values of the graph's nodes, and of new products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from gnn_search.arrays import Int32, Int64
from gnn_search.config.training import ProductSettings
from gnn_search.graph.store import Graph
from gnn_search.graph.texts import product_texts
from gnn_search.model.codes import Codes, ValueNumbers, code_quantiles, code_values
from gnn_search.model.shared_attributes import SharedAttributes


class Features:
    """Fixed inputs of the towers, by node number.

    Attributes:
        user_values: The numbers of the users' attributes, by which those of others are looked up.

    Shapes:
        - path_indptr: int64 [products + 1], path: int32, the categories from the product's own up to the top
        - attributes: the users' attributes
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.path_indptr, self.path = category_paths(graph, np.asarray(graph.taxonomy.product_category))
        users = graph.nodes("user")
        self.user_values = ValueNumbers.of(users, users.columns[1:])
        self.attributes = self.user_values.code(users)

    @cached_property
    def product_attributes(self) -> Codes:
        """The attribute columns of the catalogue."""
        return code_values(self.graph.nodes("product"), self.graph.manifest.recipe["tables"]["products"]["attributes"])

    @cached_property
    def brands(self) -> Codes:
        """The products' brands."""
        products = self.graph.nodes("product")
        return code_values(products, ["brand"] if "brand" in products.columns else [])


def training_texts(graph: Graph) -> Iterator[str]:
    """Yield the texts that a tokenizer is trained on: titles, category names, and the queries of the training period."""
    yield from product_texts(graph.nodes("product"))
    yield from graph.nodes("category")["name"]
    yield from graph.nodes("query")["query"].gather(graph.examples("train")["query"].unique().sort())


def category_paths(graph: Graph, category: Int32) -> tuple[Int64, Int32]:
    """Return the paths from some categories, -1 for none, up to the top, ragged.

    Shapes:
        - category: int32 [n]
        - returns: int64 [n + 1] and int32 [steps]
    """
    ancestors = graph.taxonomy.ancestors()
    path = ancestors[np.maximum(category, 0)] if len(ancestors) else np.full((len(category), 1), -1, dtype=np.int32)
    inside = (path >= 0) & (category >= 0)[:, None]
    indptr = np.cumsum(np.r_[0, inside.sum(axis=1)])
    return indptr, path[inside]


@dataclass(frozen=True)
class ProductFacts:
    """Texts, category paths and values of some products.

    Shapes:
        - texts: n, or none where the text tower knows the products by number
        - path_indptr, path: int64 [n + 1] and int32, the categories from the product's own up to the top
        - attributes, brands, numbers, shared: codes of n rows; the last two are None where the model has no such part
    """

    texts: Sequence[str]
    path_indptr: Int64
    path: Int32
    attributes: Codes
    brands: Codes
    numbers: Codes | None = None
    shared: Codes | None = None

    @property
    def count(self) -> int:
        """Products."""
        return len(self.path_indptr) - 1

    @classmethod
    def of_new(
        cls, graph: Graph, settings: ProductSettings, shared: SharedAttributes | None, products: pl.DataFrame, category: Int32
    ) -> ProductFacts:
        """Look up products that are not in the graph; a value that the graph does not have is unknown.

        Shapes:
            - products: n rows, with the columns of the graph's products
            - category: int32 [n], -1 for none
        """
        known = graph.nodes("product")
        table = graph.manifest.recipe["tables"]["products"]
        indptr, path = category_paths(graph, category)
        numeric = settings.numeric and bool(table["numeric"])
        return cls(
            texts=product_texts(products),
            path_indptr=indptr,
            path=path,
            attributes=ValueNumbers.of(known, table["attributes"]).code(products),
            brands=ValueNumbers.of(known, ["brand"] if "brand" in known.columns else []).code(products),
            numbers=code_quantiles(graph, settings.numeric_buckets, products) if numeric else None,
            shared=None if shared is None else shared.product_values.code(products),
        )
