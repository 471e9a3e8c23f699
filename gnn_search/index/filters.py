"""Filter the products that a search may find: by category, by a list, or by a flag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from gnn_search.arrays import Int32
from gnn_search.errors import RequestError
from gnn_search.graph.id_lookup import IdLookup, find_node
from gnn_search.graph.store import Graph

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")

Filter = str | Sequence[str | int] | Mapping[str, Any]
"""A category, by its path or id, which stands for all below it; product ids; or several at once by the keys `category` (one or several),
`products` and `flag`, a column of the products that says true or false."""
_KEYS = ("category", "products", "flag")


@dataclass(frozen=True)
class Filtered:
    """The products that filters leave.

    Attributes:
        product: Ascending and distinct.
        unknown: How many of the ids given the graph does not hold.

    Shapes:
        - product: int32 [m]
    """

    product: Int32
    unknown: int = 0


def filter_products(
    graph: Graph, *, categories: Sequence[str | int] | None = None, named: Int32 | None = None, flag: str | None = None
) -> Filtered:
    """Return the products that pass every filter given.

    Args:
        graph: The shop; row i of its indices is product i.
        categories: Categories by path or id; products of their subtrees pass.
        named: Products by number, in any order; these pass. -1 stands for one that the graph does not hold, and is counted.
        flag: Column of the products, kept by the recipe's `attributes` or `numeric`, that says true or false; null is false.

    Shapes:
        - named: int32 [any]

    Raises:
        RequestError: A category or the column is not there, or the column says something other than true or false.
    """
    passing = np.ones(graph.num_nodes["product"], dtype=np.bool_)
    unknown = 0
    if categories is not None:
        passing &= _mask(len(passing), subtree_products(graph, categories))
    if named is not None:
        unknown = int((named < 0).sum())
        passing &= _mask(len(passing), named[named >= 0])
    if flag is not None:
        passing &= _read_flag(graph, flag).to_numpy()
    return Filtered(np.flatnonzero(passing).astype(np.int32), unknown)


def subtree_products(graph: Graph, categories: Sequence[str | int]) -> Int32:
    """Return the products of the categories and of all below them; each subtree is one interval of the taxonomy's order.

    Raises:
        RequestError: There is no such category.
    """
    taxonomy = graph.taxonomy
    found = [find_category(graph, category) for category in categories]
    parts = [taxonomy.product_order[taxonomy.product_start[one] : taxonomy.product_end[one]] for one in found]
    return np.concatenate([np.empty(0, dtype=np.int32), *parts]).astype(np.int32)


def find_category(graph: Graph, stated: str | int) -> int:
    """Return a category by its path, or else by its id.

    Raises:
        RequestError: There is none.
    """
    # Where ids are paths both say the same; else a path is what a reader sees.
    paths = graph.nodes("category")["path"] if graph.num_nodes["category"] else pl.Series([], dtype=pl.String)
    by_path = (paths == stated).arg_true() if isinstance(stated, str) else pl.Series([], dtype=pl.UInt32)
    return int(by_path[0]) if len(by_path) else find_node(graph, "category", stated)


def _mask(count: int, rows: Int32) -> np.typing.NDArray[np.bool_]:
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    return mask


def _read_flag(graph: Graph, flag: str) -> pl.Series:
    table = graph.nodes("product")
    if flag not in table.columns:
        raise RequestError(f"the products have no column {flag!r}; there are {', '.join(table.columns)}")
    text = table[flag].cast(pl.String).str.to_lowercase().str.replace(r"\.0$", "")
    wrong = text.filter(text.is_not_null() & ~text.is_in([*_TRUE, *_FALSE]))
    if len(wrong):
        raise RequestError(f"expected true or false in the column {flag!r} of the products, got {wrong[0]!r} ({len(wrong)} such values)")
    return text.is_in(_TRUE).fill_null(False)


class ProductFilter:
    """Reads filters."""

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
