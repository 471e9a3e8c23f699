"""Say which products a search may find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gnn_search.arrays import Int32
from gnn_search.errors import RequestError
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.graph.store import Graph
from gnn_search.index.filters import Filtered, filter_products

Filter = str | Sequence[str | int] | Mapping[str, Any]
"""A category, by its path or id, which stands for all below it; product ids; or several at once by the keys `category` (one or several),
`products` and `flag`, a column of the products that says true or false."""

_KEYS = ("category", "products", "flag")


class ProductFilter:
    """Reads filters.

    Args:
        graph: The graph.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph, self._products = graph, IdLookup(graph.nodes("product").to_series(0))

    def read(self, stated: Filter) -> Filtered:
        """Return the products that a filter allows.

        Raises:
            RequestError: There is no such category or column, or the ids are none.
        """
        if isinstance(stated, str):
            return filter_products(self._graph, categories=[stated])
        if not isinstance(stated, Mapping):
            return filter_products(self._graph, named=self._find(stated))
        strange = [key for key in stated if key not in _KEYS]
        if strange:
            raise RequestError(f"the filter has the key {strange[0]!r}; give some of {', '.join(_KEYS)}")
        category, products = stated.get("category"), stated.get("products")
        if not isinstance(category, str | int | Sequence | None):
            raise RequestError(f"the category of the filter is {category!r}; give a path, an id, or a list of them")
        return filter_products(
            self._graph,
            categories=None if category is None else [category] if isinstance(category, str | int) else list(category),
            named=None if products is None else self._find(products),
            flag=stated.get("flag"),
        )

    def _find(self, products: Sequence[str | int]) -> Int32:
        if isinstance(products, str | bytes | Mapping) or not isinstance(products, Iterable):
            raise RequestError(f"the products of the filter are {products!r}; give a list of product ids")
        try:
            return self._products.find_values(list(dict.fromkeys(products)))
        except TypeError as error:
            raise RequestError(f"the filter can't be read ({error}); give product ids, or the path of a category") from None
