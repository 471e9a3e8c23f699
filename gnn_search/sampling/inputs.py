"""Draw the towers' inputs from the graph: the same code for training, encoding and retrieval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float32, Int32, Int64
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.csr import EdgeView
from gnn_search.graph.store import EdgeType, Graph, GraphView
from gnn_search.sampling.history import CategoryLists, History, HistoryIndex, Profile, QueryCategories
from gnn_search.sampling.neighbours import NeighborSampler, Neighbours
from gnn_search.sampling.random_source import RandomSource


@dataclass(frozen=True)
class ProductInputs:
    """Products and their neighbours: queries of their interactions, products bought with them, related ones.

    Shapes:
        - product: int32 [n]
        - known: bool [n], whether the product has an earlier interaction
        - degree: float32 [n], ln of 1 + the number of its interactions as a multiple of the mean product's
        - queries, partners: n rows
        - related: n rows for each related-product column
    """

    product: Int32
    known: npt.NDArray[np.bool_]
    degree: Float32
    queries: Neighbours
    partners: Neighbours
    related: tuple[Neighbours, ...]


@dataclass(frozen=True)
class QueryInputs:
    """Queries and the products of their interactions.

    Shapes:
        - query: int32 [n]
        - known: bool [n], whether the query had an interaction before
        - products: n rows
    """

    query: Int32
    known: npt.NDArray[np.bool_]
    products: Neighbours


@dataclass(frozen=True)
class UserInputs:
    """Users at given times, and the history in the categories of their queries.

    Shapes:
        - user: int32 [m], -1 for none, distinct (user, time)
        - recent: m rows for each sequence of latest interactions
        - profile: m rows
        - row: int64 [n], the user of each of n requests
        - history: n rows
    """

    user: Int32
    recent: tuple[History, ...]
    profile: Profile
    row: Int64
    history: History


class InputSampler:
    """Draws the towers' inputs from views of one graph."""

    def __init__(self, graph: Graph, config: TrainingConfig) -> None:
        self._graph, self._user, self._reranker = graph, config.user, config.reranker
        product, query = config.product, config.query
        self._queries = NeighborSampler(product.queries, product.queries * product.pool, product.half_life_days)
        self._partners = NeighborSampler(product.bought_with, product.bought_with * product.pool)
        self._related = NeighborSampler(product.related, product.related * product.pool)
        self._products = NeighborSampler(query.products, query.products * product.pool, query.half_life_days)
        self._has_partners = ("product", "bought_with", "product") in graph.relations
        self.history = HistoryIndex(graph)

    def products(self, view: GraphView, product: Int32, random: RandomSource | None = None, epoch: int = 0) -> ProductInputs:
        """Return the inputs of products; with `random` the neighbours vary, without they are the latest."""
        rows = product.astype(np.int64)

        def draw(sampler: NeighborSampler, edge_type: EdgeType, purpose: str) -> Neighbours:
            return sampler.sample(view.edges(edge_type), rows, view.time, random, f"product {purpose}", epoch)

        leads_to = view.edges(("query", "leads_to", "product"))
        partners = _none(len(rows))
        if self._has_partners:
            partners = draw(self._partners, ("product", "rev_bought_with", "product"), "partners")
        related = [("product", f"rev_{column}", "product") for column in self._graph.related] if self._related.fan_out else []
        return ProductInputs(
            product,
            leads_to.ends[rows] > leads_to.starts[rows],
            _relative_degree(leads_to, rows),
            draw(self._queries, ("query", "leads_to", "product"), "queries"),
            partners,
            tuple(draw(self._related, edge_type, edge_type[1]) for edge_type in related),
        )

    def unconnected_products(self, count: int) -> ProductInputs:
        """Return the inputs of products of which the graph says nothing, numbered from 0."""
        related = len(self._graph.related) if self._related.fan_out else 0
        return ProductInputs(
            np.arange(count, dtype=np.int32),
            np.zeros(count, dtype=np.bool_),
            np.zeros(count, dtype=np.float32),
            _none(count),
            _none(count),
            tuple(_none(count) for _ in range(related)),
        )

    def queries(self, view: GraphView, query: Int32, random: RandomSource | None = None, epoch: int = 0) -> QueryInputs:
        """Return the inputs of queries."""
        edges, rows = view.edges(("product", "rev_leads_to", "query")), query.astype(np.int64)
        products = self._products.sample(edges, rows, view.time, random, "query products", epoch)
        return QueryInputs(query, edges.ends[rows] > edges.starts[rows], products)

    def categories(self, view: GraphView) -> QueryCategories:
        """Return the queries' categories as known in a view."""
        return QueryCategories(view, self._user.query_categories)

    def users(self, user: Int32, query: Int32, before: Int64, categories: CategoryLists, history: HistoryIndex | None = None) -> UserInputs:
        """Return the inputs of users who ask queries.

        Shapes:
            - user: int32 [n], -1 for none
            - query: int32 [n], history queries, whose categories select the history, rows of `categories`, -1 for none
            - before: int64 [n], µs, up to which each user's past counts
            - history: by default the graph's
        """
        person = np.stack([user.astype(np.int64), np.where(user >= 0, before, 0)], axis=1)
        distinct, row = np.unique(person, axis=0, return_inverse=True) if len(person) else (person, np.empty(0, np.int64))
        who, row = distinct[:, 0].astype(np.int32), row.reshape(-1)
        history = self.history if history is None else history
        recent, profile, in_categories = history.read(who, distinct[:, 1], row, query, categories, self._user)
        return UserInputs(user=who, recent=recent, profile=profile, row=row, history=in_categories)


def _relative_degree(view: EdgeView, rows: Int64) -> Float32:
    # As a multiple of the mean: a shop's counts grow with time, and a late time must read like an early one.
    degree = view.degree()
    return np.log1p(degree[rows] / max(float(degree.mean()), 1e-9)).astype(np.float32) if len(degree) else np.zeros(len(rows), np.float32)


def _none(rows: int) -> Neighbours:
    nothing = np.empty(0, np.float32)
    return Neighbours(np.zeros(rows + 1, np.int64), np.empty(0, np.int32), nothing, nothing, np.empty(0, np.int64))
