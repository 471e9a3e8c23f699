"""Give every user, query, product and category its number."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from gnn_search.config.recipe import Recipe
from gnn_search.graph.taxonomy import Taxonomy, categories_from_paths, layout_taxonomy
from gnn_search.tables.load import ShopTables


@dataclass(frozen=True)
class NodeTables:
    """The nodes of each type, row i = node i with the shop's own id first, and the taxonomy's layout."""

    tables: dict[str, pl.DataFrame]
    taxonomy: Taxonomy


def number_nodes(recipe: Recipe, tables: ShopTables) -> NodeTables:
    """Number the nodes.

    Products and listed users keep the order of their tables; users known from events alone and queries follow in the order of their
    first event; categories are in preorder.

    Raises:
        TaxonomyError: The categories are no tree.
    """
    categories, product_category_id = _categories(recipe, tables)
    category_nodes, taxonomy = layout_taxonomy(categories, product_category_id)
    category = pl.Series("category", taxonomy.product_category).replace(-1, None)
    related = list(recipe.tables.products.related)
    products = tables.products.drop("category_path", "category_id", *related, strict=False).with_columns(category)
    queries = tables.events.select("query").unique(maintain_order=True)
    return NodeTables({"user": _users(tables), "query": queries, "product": products, "category": category_nodes}, taxonomy)


def _users(tables: ShopTables) -> pl.DataFrame:
    seen = tables.events.select("user_id").drop_nulls().unique(maintain_order=True)
    if tables.users is None:
        return seen
    return pl.concat([tables.users, seen.join(tables.users, on="user_id", how="anti", maintain_order="left")], how="diagonal")


def _categories(recipe: Recipe, tables: ShopTables) -> tuple[pl.DataFrame, pl.Series]:
    products = tables.products
    if "category_id" in products.columns and tables.categories is not None:
        return tables.categories, products["category_id"]
    if "category_path" in products.columns:
        return categories_from_paths(products["category_path"])
    empty = pl.DataFrame(schema={"category_id": pl.String, "parent_id": pl.String, "name": pl.String})
    return empty, pl.Series("category_id", [None] * products.height, dtype=pl.String)
