"""What is in a graph, and what lies around one node, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np

from gnn_search.arrays import Float32, Int32, Int64, sorted_unique
from gnn_search.config.base import StrictModel
from gnn_search.errors import RequestError
from gnn_search.graph.id_lookup import find_node
from gnn_search.graph.store import EdgeType, Graph, GraphView, to_datetime

_LATEST = 10
"""Interactions and queries listed."""
_TOP = 5
"""Categories, queries and products listed by count."""
_ANY_ACTION = "interacted with"
_VERBS: dict[tuple[str, ...], str] = {("purchase",): "bought", ("click",): "clicked"}
"""What users of a shop with these positive actions alone do."""


def interaction_verb(graph: Graph) -> str:
    """Return what a user does with a product in a positive interaction, in the past tense."""
    return _VERBS.get(tuple(graph.positive_actions), _ANY_ACTION)


class RelationCount(StrictModel):
    """One stored relation."""

    source: str
    relation: str
    target: str
    edges: int
    timed: bool


class GraphSummary(StrictModel):
    """What is in a graph. Times are UTC; `relations` leaves the reverse ones out."""

    name: str
    num_nodes: dict[str, int]
    relations: list[RelationCount]
    num_examples: dict[str, int]
    actions: list[str]
    labels: list[str]
    first_event: datetime
    last_event: datetime
    validation_start: datetime
    test_start: datetime
    taxonomy_depth: int
    products_in_no_category: int
    rows_read: dict[str, int]
    rejects: dict[str, int]
    hash: str


class Counted(StrictModel):
    """A query or a category path, and how often."""

    name: str
    count: int


class CountedProduct(StrictModel):
    """A product, and how often."""

    product_id: str | int
    title: str
    category: str | None
    count: int


class Partner(StrictModel):
    """A product bought with another, with the weight of the pair."""

    product_id: str | int
    title: str
    category: str | None
    weight: float


class Interaction(StrictModel):
    """One interaction of a user."""

    time: datetime
    action: str
    product_id: str | int
    title: str
    category: str | None


class UserQuery(StrictModel):
    """One query of a user."""

    time: datetime
    query: str


class UserNeighbourhood(StrictModel):
    """A user: the latest come first, categories by how many interactions lie in them."""

    user_id: str | int
    as_of: datetime
    attributes: dict[str, str | None]
    num_interactions: int
    last_interactions: list[Interaction]
    top_categories: list[Counted]
    last_queries: list[UserQuery]


class QueryNeighbourhood(StrictModel):
    """A query: how many users issued it and the products of its interactions, the commonest first."""

    query: str
    as_of: datetime
    num_interactions: int
    num_users: int
    num_products: int
    categories: list[Counted]
    top_products: list[CountedProduct]


class ProductNeighbourhood(StrictModel):
    """A product: what leads to it and what is bought with it, the commonest or heaviest first."""

    product_id: str | int
    as_of: datetime
    title: str
    category: str | None
    attributes: dict[str, str | float | None]
    num_interactions: int
    num_users: int
    top_queries: list[Counted]
    bought_with: list[Partner]


Neighbourhood = UserNeighbourhood | QueryNeighbourhood | ProductNeighbourhood


def summarise(graph: Graph) -> GraphSummary:
    """Say what is in a graph, from its manifest alone."""
    manifest = graph.manifest
    times = ("validation_start", "test_start")
    same = manifest.model_dump(include=GraphSummary.model_fields.keys() - {"relations", *times})
    return GraphSummary(
        **same,
        relations=[
            RelationCount(**one.model_dump(exclude={"snapshots"})) for one in manifest.relations if not one.relation.startswith("rev_")
        ],
        first_event=to_datetime(manifest.time_first),
        last_event=to_datetime(manifest.time_last),
        **{name: to_datetime(getattr(manifest, name)) for name in times},
    )


def inspect_graph(
    graph: Graph | str | Path, *, user: str | int | None = None, query: str | None = None, product: str | int | None = None
) -> GraphSummary | Neighbourhood:
    """Say what is in a graph, or what lies around one of its users, queries or products.

    Args:
        graph: The graph, or its folder.
        user: The shop's id of a user.
        query: The text of a query.
        product: The shop's id of a product.

    Raises:
        ArtefactError: The folder is no graph.
        RequestError: More than one node is wanted, or there is no such node.
    """
    graph = graph if isinstance(graph, Graph) else Graph.open(graph)
    given = (("user", user), ("query", query), ("product", product))
    wanted = [(node_type, shop_id) for node_type, shop_id in given if shop_id is not None]
    if len(wanted) > 1:
        raise RequestError("give one of user, query and product, not several")
    return neighbourhood(graph, *wanted[0], graph.manifest.time_last + 1) if wanted else summarise(graph)


def neighbourhood(graph: Graph, node_type: str, shop_id: str | int, time: int) -> Neighbourhood:
    """Say what lies around a node, as known just before a time.

    Args:
        graph: The graph.
        node_type: `user`, `query` or `product`.
        shop_id: The shop's id of the node, or the text of a query.
        time: The time, µs.

    Raises:
        RequestError: There is no such node, or its type has no neighbourhood to show.
    """
    makers: dict[str, Callable[[GraphView, int], Neighbourhood]] = {"user": _user, "query": _query, "product": _product}
    if node_type not in makers:
        raise RequestError(f"the neighbourhood of a {' or '.join(makers)} can be shown, not of a {node_type}")
    return makers[node_type](graph.before(time), find_node(graph, node_type, shop_id))


def _user(view: GraphView, user: int) -> UserNeighbourhood:
    graph = view.graph
    rows = [_row(view, (target, f"rev_{action}", source), user) for source, action, target in graph.positive_relations]
    product, time = (np.concatenate([row[column] for row in rows]) for column in (0, 1))
    action = np.repeat([action for _, action, _ in graph.positive_relations], [len(row[0]) for row in rows])
    latest = np.argsort(time, kind="stable")[::-1][:_LATEST]
    query, query_time, _ = _row(view, ("query", "rev_issues", "user"), user)
    attributes = graph.nodes("user").row(user, named=True)
    return UserNeighbourhood(
        user_id=attributes.pop("user_id"),
        as_of=to_datetime(view.time),
        attributes=attributes,
        num_interactions=len(product),
        last_interactions=[
            Interaction(time=to_datetime(time[place]), action=action[place], **_named(graph, product[place])) for place in latest.tolist()
        ],
        top_categories=_top_categories(graph, product),
        last_queries=[
            UserQuery(time=to_datetime(query_time[place]), query=_text(graph, query[place]))
            for place in range(len(query) - 1, -1, -1)[:_LATEST]
        ],
    )


def _query(view: GraphView, query: int) -> QueryNeighbourhood:
    graph = view.graph
    product, _, _ = _row(view, ("product", "rev_leads_to", "query"), query)
    user, _, _ = _row(view, ("user", "issues", "query"), query)
    top, count = _commonest(product)
    return QueryNeighbourhood(
        query=_text(graph, query),
        as_of=to_datetime(view.time),
        num_interactions=len(product),
        num_users=len(sorted_unique(user)),
        num_products=len(sorted_unique(product)),
        categories=_top_categories(graph, product),
        top_products=[CountedProduct(count=times, **_named(graph, one)) for one, times in zip(top.tolist(), count.tolist(), strict=True)],
    )


def _product(view: GraphView, product: int) -> ProductNeighbourhood:
    graph = view.graph
    query, _, _ = _row(view, ("query", "leads_to", "product"), product)
    users = np.concatenate([_row(view, edge_type, product)[0] for edge_type in graph.positive_relations])
    top, count = _commonest(query)
    attributes = graph.nodes("product").drop("category").row(product, named=True)
    return ProductNeighbourhood(
        as_of=to_datetime(view.time),
        **_named(graph, product),
        attributes={name: value for name, value in attributes.items() if name not in ("product_id", "title")},
        num_interactions=len(query),
        num_users=len(sorted_unique(users)),
        top_queries=[Counted(name=_text(graph, one), count=times) for one, times in zip(top.tolist(), count.tolist(), strict=True)],
        bought_with=_partners(view, product),
    )


def _partners(view: GraphView, product: int) -> list[Partner]:
    edge_type = ("product", "rev_bought_with", "product")
    if edge_type not in view.graph.relations:
        return []
    partner, _, weight = _row(view, edge_type, product)
    heaviest = np.argsort(weight, kind="stable")[::-1][:_TOP]
    return [Partner(weight=float(weight[place]), **_named(view.graph, partner[place])) for place in heaviest.tolist()]


def _row(view: GraphView, edge_type: EdgeType, row: int) -> tuple[Int32, Int64, Float32]:
    """Return the visible entries of one row of a relation that has time: index, time, weight."""
    edges = view.edges(edge_type)
    assert edges.csr.time is not None
    visible = slice(int(edges.starts[row]), int(edges.ends[row]))
    return edges.csr.index[visible], edges.csr.time[visible], edges.csr.weight[visible]


def _commonest(values: Int32) -> tuple[Int32, Int64]:
    distinct, count = np.unique(values, return_counts=True)
    order = np.argsort(-count, kind="stable")[:_TOP]
    return distinct[order], count[order]


def _top_categories(graph: Graph, product: Int32) -> list[Counted]:
    category = np.asarray(graph.taxonomy.product_category)[product]
    top, count = _commonest(category[category >= 0])
    paths = graph.nodes("category")["path"]
    return [Counted(name=paths[one], count=times) for one, times in zip(top.tolist(), count.tolist(), strict=True)]


def _named(graph: Graph, product: int) -> dict[str, str | int | None]:
    row = graph.nodes("product").row(int(product), named=True)
    category = row["category"]
    path = None if category is None else graph.nodes("category")["path"][category]
    return {"product_id": row["product_id"], "title": row["title"], "category": path}


def _text(graph: Graph, query: int) -> str:
    return str(graph.nodes("query")["query"][int(query)])
