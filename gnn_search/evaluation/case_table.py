"""What is known of each case, as the table over which slices are expressed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.arrays import Int32, Int64, sorted_unique
from gnn_search.config.recipe import Recipe
from gnn_search.evaluation.query_words import find_misspelt, names_category
from gnn_search.graph.cases import Cases
from gnn_search.graph.hold_out import HELD_OUT, NEW_PRODUCT, NEW_USER
from gnn_search.graph.store import Graph
from gnn_search.graph.taxonomy import Taxonomy

_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "query": pl.String(),
    "product_id": pl.String(),
    "words": pl.Int64(),
    "repeat": pl.Boolean(),
    "user_interactions": pl.Int64(),
    "query_interactions": pl.Int64(),
    "product_interactions": pl.Int64(),
    "user_kind": pl.String(),
    "query_kind": pl.String(),
    "product_kind": pl.String(),
    "held_out_user": pl.Boolean(),
    "held_out_product": pl.Boolean(),
    "misspelt": pl.Boolean(),
    "names_category": pl.Boolean(),
    "category": pl.String(),
    "top_category": pl.String(),
}
ANONYMOUS, LIGHT, HEAVY = "anonymous", "light", "heavy"
NEW, TAIL, TORSO, HEAD = "new", "tail", "torso", "head"
_PARTS = np.array([NEW, TAIL, TORSO, HEAD])


def case_table(cases: Cases, graph: Graph) -> pl.DataFrame:
    """Return one row a relevant product of a case, in the order of `cases.product`.

    Counts and kinds are as of the start of the cases' period.

    Returns:
        user_id: The shop's id, null for an anonymous user. query: Its text. product_id: The shop's id of the relevant product.
        words: Words of the query.
        repeat: The user had interacted with the product before.
        user_interactions, query_interactions, product_interactions: Positive interactions of the user (null for an anonymous one), of the
            query, of the product.
        user_kind: anonymous, new, light, medium or heavy. query_kind, product_kind: new, tail, torso or head (see `frequency_kinds`;
            light, medium and heavy users are the tail, torso and head).
        held_out_user, held_out_product: The recipe holds the user or the product out.
        misspelt: A word of the query is no word of the shop but one edit from one. names_category: The query shares a word with the path
            of the product's category; null for a product without one. See `query_words.py`.
        category: The product's category, as a path. top_category: The name of the one above it at the first level that divides the
            catalogue.
        product_NAME, user_NAME: Further columns of the products, and attributes of the users.
        Labels: Each under its own name. An underscore is added to a name that is taken.
    """
    case = cases.case_of_row()
    user, query, product = cases.user[case], cases.query[case], cases.product
    view = graph.before(cases.time)
    by_query = view.edges(("product", "rev_leads_to", "query")).degree()
    of_product = view.edges(("query", "leads_to", "product")).degree()
    by_user = np.sum(
        [view.edges((target, f"rev_{action}", source)).degree() for source, action, target in graph.positive_relations], axis=0
    )
    user_kind = pl.Series(frequency_kinds(by_user)).replace({TAIL: LIGHT, "torso": "medium", HEAD: HEAVY})
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
        "user_interactions": pl.Series(by_user, dtype=pl.Int64).gather(known),
        "query_interactions": pl.Series(by_query[query]),
        "product_interactions": pl.Series(of_product[product]),
        "user_kind": user_kind.gather(known).fill_null(ANONYMOUS),
        "query_kind": pl.Series(frequency_kinds(by_query)[query]),
        "product_kind": pl.Series(frequency_kinds(of_product)[product]),
        "held_out_user": pl.Series(np.isin(user, held_users)),
        "held_out_product": pl.Series(np.isin(product, held_products)),
        "misspelt": pl.Series(find_misspelt(graph, query, by_query)),
        "names_category": names_category(graph, query, product),
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
    for name in recipe.tables.labels:
        columns[_free(name, columns)] = pl.String()
    return columns


def _free(name: str, taken: Mapping[str, object]) -> str:
    return _free(f"{name}_", taken) if name in taken else name


def _held_out(graph: Graph) -> tuple[Int32, Int32]:
    """Return the users and products that the recipe holds out."""
    if HELD_OUT not in graph.manifest.num_examples:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    out = graph.examples(HELD_OUT)
    return out.filter(NEW_USER)["user"].unique().to_numpy(), out.filter(NEW_PRODUCT)["product"].unique().to_numpy()


def _categories(graph: Graph, product: Int32) -> dict[str, pl.Series]:
    """Return the category of each product, and the one above it at the first level that divides the catalogue."""
    nodes = graph.nodes("category")
    own = np.asarray(graph.taxonomy.product_category)
    top = dividing_categories(graph.taxonomy, own)
    category, above = (pl.Series(one[product]).set(pl.Series(one[product] < 0), None) for one in (own, top))
    return {"category": nodes["path"].gather(category), "top_category": nodes["name"].gather(above)}


def dividing_categories(taxonomy: Taxonomy, own: Int32) -> Int32:
    """Return the ancestor of each category at the first level of the tree where those of `own` differ.

    A category above that level stays as it is, as does -1.
    """
    found = own.copy()
    inside = np.flatnonzero(own >= 0)
    if not len(inside):
        return found
    ancestors, depth = taxonomy.ancestors(), np.asarray(taxonomy.depth)[own[inside]]
    for level in range(int(depth.max()) + 1):
        steps: Int64 = np.maximum(depth - level, 0)
        found[inside] = ancestors[own[inside], steps]
        if len(sorted_unique(found[inside])) > 1:
            break
    return found


def frequency_kinds(count: Int64) -> NDArray[np.str_]:
    """Split what is counted into head, torso and tail, which hold about a third of the interactions each; what has none is new.

    The most frequent that together hold the first third of the interactions are the head, the next the torso, the others the tail. Equal
    counts stay together, with the first of them. What has no more interactions than half of the others (the median) is tail in any case:
    where most counts are one, a single interaction makes nothing frequent.

    Shapes:
        - count: int64 [n]
        - returns: n times `NEW`, `TAIL`, `TORSO` or `HEAD`

    >>> frequency_kinds(np.array([0, 1, 9, 5, 1, 1, 1])).tolist()
    ['new', 'tail', 'head', 'torso', 'tail', 'tail', 'tail']
    """
    values, place, times = np.unique(count, return_inverse=True, return_counts=True)
    held = values * times
    above = held.sum() - np.cumsum(held)
    third = above * 3 // max(int(held.sum()), 1)
    part = 3 - np.minimum(third, 2)
    known = count[count > 0]
    part[values <= (np.median(known) if len(known) else 0)] = 1
    part[values == 0] = 0
    return np.asarray(_PARTS[part[place.reshape(-1)]])
