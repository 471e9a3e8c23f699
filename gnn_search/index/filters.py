"""Say which products a search may find: those of categories, of a set, or with a flag."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32
from gnn_search.graph.lookup import find_node
from gnn_search.graph.store import Graph

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


def filtered_rows(
    graph: Graph, *, categories: Sequence[str | int] | None = None, products: pl.Series | None = None, flag: str | None = None
) -> Int32:
    """Return the products that pass every filter given.

    Args:
        graph: The shop; row i of its indices is product i.
        categories: Categories by path or id; products of their subtrees pass.
        products: Ids of products; these pass.
        flag: Column of the products, kept by the recipe's `attributes` or `numeric`, that says true or false; null is false.

    Shapes:
        Returns int32 [rows], ascending.

    Raises:
        RequestError: An id or a column is not there, or the column says something other than true or false.
    """
    passing = np.ones(graph.num_nodes["product"], dtype=np.bool_)
    if categories is not None:
        passing &= _mask(len(passing), subtree_products(graph, categories))
    if products is not None:
        passing &= _mask(len(passing), _find_products(graph, products))
    if flag is not None:
        passing &= _read_flag(graph, flag).to_numpy()
    return np.flatnonzero(passing).astype(np.int32)


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


def _find_products(graph: Graph, products: pl.Series) -> Int32:
    if products.null_count():
        raise RequestError(f"{products.null_count()} of the product ids are null; give ids of the graph {graph.path}")
    known = graph.nodes("product").select(id="product_id").with_row_index("row")
    wanted = products.unique(maintain_order=True).to_frame("id")
    try:
        found = wanted.cast(known.schema["id"]).join(known, on="id", how="left", maintain_order="left")
    except pl.exceptions.PolarsError:
        wanted_type = known.schema["id"]
        raise RequestError(f"expected product ids of type {wanted_type}, as in the graph {graph.path}, got {products.dtype}") from None
    lost = found.filter(pl.col("row").is_null())["id"]
    if len(lost):
        find_node(graph, "product", lost[0])  # Raises, with ids that look alike.
    return found["row"].to_numpy().astype(np.int32)


def _read_flag(graph: Graph, flag: str) -> pl.Series:
    table = graph.nodes("product")
    if flag not in table.columns:
        raise RequestError(f"the products have no column {flag!r}; there are {', '.join(table.columns)}")
    text = table[flag].cast(pl.String).str.to_lowercase().str.replace(r"\.0$", "")
    wrong = text.filter(text.is_not_null() & ~text.is_in([*_TRUE, *_FALSE]))
    if len(wrong):
        raise RequestError(f"expected true or false in the column {flag!r} of the products, got {wrong[0]!r} ({len(wrong)} such values)")
    return text.is_in(_TRUE).fill_null(False)
