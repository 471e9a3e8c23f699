"""Give every user, query, product and category its number, and write the events with these numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Float32, Int32, Int64
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
    first event, and queries that were only judged after these; categories are in preorder.

    Raises:
        TaxonomyError: The categories are no tree.
    """
    categories, product_category_id = _categories(recipe, tables)
    category_nodes, taxonomy = layout_taxonomy(categories, product_category_id)
    category = pl.Series("category", taxonomy.product_category).replace(-1, None)
    related = list(recipe.tables.products.related)
    products = tables.products.drop("category_path", "category_id", *related, strict=False).with_columns(category)
    texts = [tables.events["query"]] if tables.judgements is None else [tables.events["query"], tables.judgements["query"]]
    queries = pl.concat(texts).to_frame().unique(maintain_order=True)
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


@dataclass(frozen=True)
class EventNodes:
    """The events in time order.

    Shapes:
        - user: int32 [events], -1 when anonymous
        - query, product: int32 [events]
        - session: int64 [events], equal within one session
        - session_start, time: int64 [events] in µs
        - weight: float32 [events]
        - action: names [events]
    """

    user: Int32
    query: Int32
    product: Int32
    session: Int64
    session_start: Int64
    time: Int64
    weight: Float32
    action: npt.NDArray[np.object_]


def number_events(events: pl.DataFrame, nodes: NodeTables) -> EventNodes:
    """Look up the nodes of the events, which are sorted by time, and the start of each event's session.

    A session belongs to one user; an event without one is a session of its own.
    """
    numbered = events
    for column, node_type in (("user_id", "user"), ("query", "query"), ("product_id", "product")):
        lookup = nodes.tables[node_type].select(column).with_row_index(node_type + "_node")
        numbered = numbered.join(lookup, on=column, how="left", maintain_order="left")
    numbered = numbered.with_row_index("event")
    numbered = numbered.with_columns(session=first_of_session(numbered, "event").cast(pl.Int64))
    time = numbered["time"].to_numpy()
    session_number = numbered["session"].to_numpy()
    return EventNodes(
        user=numbered["user_node"].cast(pl.Int32).fill_null(-1).to_numpy(),
        query=numbered["query_node"].cast(pl.Int32).to_numpy(),
        product=numbered["product_node"].cast(pl.Int32).to_numpy(),
        session=session_number,
        session_start=time[session_number],
        time=time,
        weight=numbered["weight"].cast(pl.Float32).to_numpy(),
        action=numbered["action"].to_numpy(),
    )


def first_of_session(events: pl.DataFrame, column: str) -> pl.Expr:
    """Return a column's least value in each event's session; an event without one is a session of its own."""
    if "session_id" not in events.columns:
        return pl.col(column)
    return pl.when(pl.col("session_id").is_null()).then(pl.col(column)).otherwise(pl.col(column).min().over("user_id", "session_id"))
