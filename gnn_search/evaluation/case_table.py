"""What is known of each case, as a table that slices are expressed over."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.config.recipe import Recipe
from gnn_search.evaluation.frequency import HEAD, TAIL, part_by_frequency
from gnn_search.graph.cases import Cases
from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.hold_out import HELD_OUT, NEW_PRODUCT, NEW_USER
from gnn_search.graph.store import Graph

_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "query": pl.String(),
    "product_id": pl.String(),
    "words": pl.Int64(),
    "repeat": pl.Boolean(),
    "user_choices": pl.Int64(),
    "query_choices": pl.Int64(),
    "product_choices": pl.Int64(),
    "user_kind": pl.String(),
    "query_kind": pl.String(),
    "product_kind": pl.String(),
    "held_out_user": pl.Boolean(),
    "held_out_product": pl.Boolean(),
    "category": pl.String(),
    "top_category": pl.String(),
}
ANONYMOUS, LIGHT, HEAVY = "anonymous", "light", "heavy"


def case_table(cases: Cases, graph: Graph) -> pl.DataFrame:
    """Return one row a relevant product of a case, in the order of `cases.product`.

    Counts and kinds are as of the start of the cases' period.

    Returns:
        user_id: The shop's id, null for nobody. query: Its text. product_id: The shop's id of the product that was chosen.
        words: Words of the query.
        repeat: The shopper had chosen the product before.
        user_choices, query_choices, product_choices: Choices by the shopper (null for nobody), for the query, of the product.
        user_kind: anonymous, new, light, medium or heavy. query_kind, product_kind: new, tail, torso or head (see `part_by_frequency`;
            light, medium and heavy shoppers are the tail, torso and head).
        held_out_user, held_out_product: The recipe holds the shopper or the product out.
        category: The product's category, as a path. top_category: The name of the one above it at the first level that divides the
            catalogue.
        product_NAME, user_NAME: Further columns of the products, and attributes of the shoppers.
        Labels: Each under its own name. A name that is taken already gets an underscore behind it.
    """
    case = cases.case_of_row()
    user, query, product = cases.user[case], cases.query[case], cases.product
    view = graph.before(cases.time)
    by_query = view.edges(("product", "rev_leads_to", "query")).degree()
    of_product = view.edges(("query", "leads_to", "product")).degree()
    by_user = np.sum(
        [view.edges((target, f"rev_{action}", source)).degree() for source, action, target in graph.positive_relations], axis=0
    )
    user_kind = pl.Series(part_by_frequency(by_user)).replace({TAIL: LIGHT, "torso": "medium", HEAD: HEAVY})
    known = pl.Series(user).set(pl.Series(user < 0), None)
    users, products = graph.nodes("user"), graph.nodes("product")
    texts = graph.nodes("query")["query"]
    held_users, held_products = _held_out(graph)
    columns: dict[str, pl.Series] = {
        "user_id": users["user_id"].gather(known),
        "query": texts.gather(query),
        "product_id": products["product_id"].gather(product),
        "words": texts.str.count_matches(r"\S+").cast(pl.Int64).gather(query),
        "repeat": pl.Series(cases.repeat),
        "user_choices": pl.Series(by_user, dtype=pl.Int64).gather(known),
        "query_choices": pl.Series(by_query[query]),
        "product_choices": pl.Series(of_product[product]),
        "user_kind": user_kind.gather(known).fill_null(ANONYMOUS),
        "query_kind": pl.Series(part_by_frequency(by_query)[query]),
        "product_kind": pl.Series(part_by_frequency(of_product)[product]),
        "held_out_user": pl.Series(np.isin(user, held_users)),
        "held_out_product": pl.Series(np.isin(product, held_products)),
        **_categories(graph, product),
    }
    for name in products.columns:
        if name not in ("product_id", "category"):
            columns[_free(f"product_{name}", columns)] = products[name].gather(product)
    for name in users.columns[1:]:
        columns[_free(f"user_{name}", columns)] = users[name].gather(known)
    for name in cases.labels.columns:
        columns[_free(name, columns)] = cases.labels[name].gather(case)
    return pl.DataFrame(columns)


def case_schema(recipe: Recipe) -> dict[str, pl.DataType]:
    """Return the columns that the cases of a recipe's graph have, and their types, before there is one; ids stand as texts."""
    products, users, columns = recipe.tables.products, recipe.tables.users, dict(_SCHEMA)
    texts = [name for name, given in (("brand", products.brand), ("description", products.description)) if given is not None]
    for name in ("title", *texts, *products.attributes):
        columns[_free(f"product_{name}", columns)] = pl.String()
    for name in products.numeric:
        columns[_free(f"product_{name}", columns)] = pl.Float64()
    for name in () if users is None else users.attributes:
        columns[_free(f"user_{name}", columns)] = pl.String()
    for name in recipe.tables.events.labels:
        columns[_free(name, columns)] = pl.String()
    return columns


def _free(name: str, taken: Mapping[str, object]) -> str:
    return _free(f"{name}_", taken) if name in taken else name


def _held_out(graph: Graph) -> tuple[Int32, Int32]:
    """Return the shoppers and products that the recipe holds out."""
    if HELD_OUT not in graph.manifest.num_examples:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    out = graph.examples(HELD_OUT)
    return out.filter(NEW_USER)["user"].unique().to_numpy(), out.filter(NEW_PRODUCT)["product"].unique().to_numpy()


def _categories(graph: Graph, product: Int32) -> dict[str, pl.Series]:
    """Return the category of each product, and the one above it at the first level that divides the catalogue."""
    nodes = graph.nodes("category")
    own = np.asarray(graph.taxonomy.product_category)
    top = _at_dividing_level(graph, own)
    category, above = (pl.Series(one[product]).set(pl.Series(one[product] < 0), None) for one in (own, top))
    return {"category": nodes["path"].gather(category), "top_category": nodes["name"].gather(above)}


def _at_dividing_level(graph: Graph, own: Int32) -> NDArray[np.int32]:
    """Return for each category of `own` the one above it at that level, or itself where it lies higher; -1 stays."""
    found = own.copy()
    inside = np.flatnonzero(own >= 0)
    if not len(inside):
        return found
    ways, depth = graph.taxonomy.ancestors(), np.asarray(graph.taxonomy.depth)[own[inside]]
    for level in range(int(depth.max()) + 1):
        steps: Int64 = np.maximum(depth - level, 0)
        found[inside] = ways[own[inside], steps]
        if len(np.unique(found[inside])) > 1:
            break
    return found
