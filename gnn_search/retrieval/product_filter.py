"""Say which products a search may find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.index.filters import filtered_rows

Filter = str | Sequence[str | int] | Mapping[str, Any]
"""A category, by its path or id, which stands for all below it; product ids; or several at once by the keys `category`, `products` and
`flag`, a column of the products that says true or false."""

_KEYS = ("category", "products", "flag")


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
            RequestError: There is no such category or column, or the ids are none.
        """
        if isinstance(stated, str):
            return AllowedProducts(filtered_rows(self._graph, categories=[stated]))
        if isinstance(stated, Mapping):
            return self._read_parts(stated)
        try:
            node = self._products.find_values(list(stated))
        except TypeError as error:
            raise RequestError(f"the filter can't be read ({error}); give product ids, or the path of a category") from None
        return AllowedProducts(np.unique(node[node >= 0]).astype(np.int32), int((node < 0).sum()))

    def _read_parts(self, stated: Mapping[str, Any]) -> AllowedProducts:
        strange = [key for key in stated if key not in _KEYS]
        if strange:
            raise RequestError(f"the filter has the key {strange[0]!r}; give some of {', '.join(_KEYS)}")
        category, flag = stated.get("category"), stated.get("flag")
        kept = filtered_rows(self._graph, categories=None if category is None else [category], flag=flag)
        if stated.get("products") is None:
            return AllowedProducts(kept)
        if isinstance(stated["products"], str):
            raise RequestError(f"the products of the filter are the text {stated['products']!r}; give a list of product ids")
        named = self.read(list(stated["products"]))
        return AllowedProducts(np.intersect1d(kept, named.product).astype(np.int32), named.unknown)
