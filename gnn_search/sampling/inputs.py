"""What the towers read of the graph for given nodes: the same code for training, encoding and retrieval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn_search.config.training import TrainingConfig
from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.store import Graph, GraphView
from gnn_search.sampling.history import History, HistoryIndex, QueryCategories
from gnn_search.sampling.neighbours import NeighborSampler, Neighbours
from gnn_search.sampling.random_source import RandomSource
from gnn_search.sampling.walk.index import WalkIndex


@dataclass(frozen=True)
class ProductInputs:
    """Products and their neighbours: queries that led to them, products bought with them.

    Shapes:
        product: int32 [n]; known: bool [n], whether anyone chose the product before; the neighbours have n rows.
    """

    product: Int32
    known: npt.NDArray[np.bool_]
    queries: Neighbours
    partners: Neighbours


@dataclass(frozen=True)
class QueryInputs:
    """Queries and the products that they led to.

    Shapes:
        query: int32 [n]; known: bool [n], whether anything was chosen for it before; products has n rows.
    """

    query: Int32
    known: npt.NDArray[np.bool_]
    products: Neighbours


@dataclass(frozen=True)
class PersonalInputs:
    """Shoppers at given moments, and the history that their queries call up.

    Shapes:
        user: int32 [m], -1 for none, distinct (user, moment); recent: m rows; row: int64 [n], the shopper of each of n requests;
        history: n rows.
    """

    user: Int32
    recent: History
    row: Int64
    history: History


class InputSampler:
    """Draws the towers' inputs from views of one graph."""

    def __init__(self, graph: Graph, config: TrainingConfig) -> None:
        self._graph = graph
        self._config = config
        product, query = config.product, config.query
        self._queries = NeighborSampler(product.queries, product.queries * product.pool)
        self._partners = NeighborSampler(product.bought_with, product.bought_with * product.pool)
        self._products = NeighborSampler(query.products, query.products * product.pool)
        self._has_partners = ("product", "bought_with", "product") in graph.relations
        self.history = HistoryIndex(graph)

    def products(self, view: GraphView, product: Int32, random: RandomSource | None = None, epoch: int = 0) -> ProductInputs:
        """Return the inputs of products; with `random` the neighbours vary, without they are the latest."""
        rows = product.astype(np.int64)
        edges = view.edges(("query", "leads_to", "product"))
        known = edges.ends[rows] > edges.starts[rows]
        queries = self._queries.sample(edges, rows, view.time, random, "product queries", epoch)
        if not self._has_partners:
            return ProductInputs(product, known, queries, _none(len(rows)))
        edges = view.edges(("product", "rev_bought_with", "product"))
        partners = self._partners.sample(edges, rows, view.time, random, "product partners", epoch)
        return ProductInputs(product, known, queries, partners)

    def queries(self, view: GraphView, query: Int32, random: RandomSource | None = None, epoch: int = 0) -> QueryInputs:
        """Return the inputs of queries."""
        edges, rows = view.edges(("product", "rev_leads_to", "query")), query.astype(np.int64)
        products = self._products.sample(edges, rows, view.time, random, "query products", epoch)
        return QueryInputs(query, edges.ends[rows] > edges.starts[rows], products)

    def categories(self, view: GraphView) -> QueryCategories:
        """Return the queries' categories as known in a view."""
        return QueryCategories(view, self._config.user.query_categories)

    def walks(self, view: GraphView, categories: QueryCategories) -> WalkIndex:
        """Return the ways from shoppers and queries to products as known in a view."""
        return WalkIndex(view, self._config.walk, self.history, categories)

    def people(self, user: Int32, query: Int32, before: Int64, categories: QueryCategories) -> PersonalInputs:
        """Return the inputs of shoppers who ask queries.

        Shapes:
            user, query: int32 [n], -1 for none; before: int64 [n], µs, up to which each one's past counts.
        """
        settings = self._config.user
        person = np.stack([user.astype(np.int64), np.where(user >= 0, before, 0)], axis=1)
        distinct, row = np.unique(person, axis=0, return_inverse=True) if len(person) else (person, np.empty(0, np.int64))
        recent = self.history.latest(distinct[:, 0].astype(np.int32), distinct[:, 1], settings.recent)
        history = self.history.in_categories(user, query, before, categories, settings.history)
        return PersonalInputs(distinct[:, 0].astype(np.int32), recent, row.reshape(-1), history)


def _none(rows: int) -> Neighbours:
    nothing = np.empty(0, np.float32)
    return Neighbours(np.zeros(rows + 1, np.int64), np.empty(0, np.int32), nothing, nothing, np.empty(0, np.int64))
