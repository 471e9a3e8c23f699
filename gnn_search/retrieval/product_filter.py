"""Say which products a search may find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.lookup import find_node
from gnn_search.graph.store import Graph

Filter = str | Sequence[str | int]
"""A category, by its path or id, which stands for all below it; or product ids."""


@dataclass(frozen=True)
class AllowedProducts:
    """What a filter leaves.

    Shapes:
        product: int32 [m], ascending, distinct. unknown: ids given that the graph does not hold.
    """

    product: Int32
    unknown: int = 0


class ProductFilter:
    """Reads filters.

    Args:
        graph: The graph.
        products: Its products by id.
    """

    def __init__(self, graph: Graph, products: IdLookup) -> None:
        self._graph, self._products = graph, products

    def read(self, stated: Filter) -> AllowedProducts:
        """Return the products that a filter allows.

        Raises:
            RequestError: There is no such category, or the ids are none.
        """
        if isinstance(stated, str):
            return AllowedProducts(self._below(stated))
        try:
            node = self._products.find_values(list(stated))
        except TypeError as error:
            raise RequestError(f"the filter can't be read ({error}); give product ids, or the path of a category") from None
        return AllowedProducts(np.unique(node[node >= 0]).astype(np.int32), int((node < 0).sum()))

    def _below(self, category: str) -> Int32:
        paths = self._graph.nodes("category")["path"] if self._graph.num_nodes["category"] else pl.Series([], dtype=pl.String)
        by_path = (paths == category).arg_true()
        # Where ids are paths both say the same; else a path is what a reader sees.
        node = int(by_path[0]) if len(by_path) else find_node(self._graph, "category", category)
        taxonomy = self._graph.taxonomy
        inside = taxonomy.product_order[int(taxonomy.product_start[node]) : int(taxonomy.product_end[node])]
        return np.sort(np.asarray(inside))
