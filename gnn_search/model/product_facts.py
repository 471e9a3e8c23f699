"""Inputs of the product tower beside the graph's edges: texts, category paths and attribute values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gnn_search.arrays import Int32, Int64
from gnn_search.config.training import ProductSettings
from gnn_search.graph.store import Graph
from gnn_search.model.codes import Codes, ValueNumbers, code_quantiles
from gnn_search.model.features import category_paths, product_texts
from gnn_search.model.shared_attributes import SharedAttributes


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

        Args:
            graph: The graph.
            settings: Of the product tower.
            shared: The model's attributes that users and products share.
            products: With the columns of the graph's products.
            category: Their categories, -1 for none.

        Shapes:
            - products: n rows
            - category: int32 [n]
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
