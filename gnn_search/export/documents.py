"""Products as search engines keep them: id, title, brand and category path, beside the vector."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.store import Graph

_NONCHARACTERS = r"\x{FDD0}-\x{FDEF}" + "".join(rf"\x{{{plane:X}FFFE}}\x{{{plane:X}FFFF}}" for plane in range(17))
_REFUSED = rf"[\x00-\x1f\x7f{_NONCHARACTERS}]"


def product_documents(graph: Graph) -> pl.DataFrame:
    """Return `product_id`, `title`, `brand`, `category_path` and `categories`, a row a product, in the order of the nodes.

    `categories` holds the path of each category from the top to the product's own, so that one exact match picks a whole subtree. Control
    characters, which PostgreSQL and Vespa do not take, and Unicode's noncharacters, which Vespa does not, become spaces.

    Raises:
        RequestError: An id holds such a character.
    """
    products = graph.nodes("product")
    paths = _category_paths(graph)
    category = products["category"] if "category" in products.columns else pl.Series("category", [None] * products.height, dtype=pl.Int32)
    places = category.to_frame("category").join(paths, on="category", how="left", maintain_order="left")
    brand = pl.col("brand") if "brand" in products.columns else pl.lit(None, pl.String).alias("brand")
    documents = products.select(pl.col(products.columns[0]).alias("product_id"), "title", brand).with_columns(
        places["category_path"], places["categories"]
    )
    _check_ids(documents["product_id"], graph)
    return documents.with_columns(
        pl.col("title", "brand", "category_path").str.replace_all(_REFUSED, " "),
        pl.col("categories").list.eval(pl.element().str.replace_all(_REFUSED, " ")),
    )


def _category_paths(graph: Graph) -> pl.DataFrame:
    """Return `category`, `category_path` and `categories`, a row a category."""
    paths = graph.nodes("category")["path"].cast(pl.String)
    ancestors = graph.taxonomy.ancestors()
    # From the top down; padding is left out.
    flat = ancestors[:, ::-1].reshape(-1)
    there = flat >= 0
    row = pl.Series("category", np.repeat(np.arange(len(ancestors), dtype=np.int32), ancestors.shape[1])[there])
    lists = pl.DataFrame([row, paths.gather(flat[there]).alias("categories")]).group_by("category", maintain_order=True).agg("categories")
    return lists.with_columns(paths.alias("category_path"))


def _check_ids(ids: pl.Series, graph: Graph) -> None:
    if ids.dtype != pl.String:
        return
    bad = ids.filter(ids.str.contains(_REFUSED))
    if len(bad):
        raise RequestError(
            f"{len(bad):,} product ids of the graph {graph.path} hold a control character or a noncharacter, such as {bad[0]!r}; search "
            "engines refuse these, so give the products other ids"
        )
