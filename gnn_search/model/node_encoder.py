"""Encode every node of a view, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gnn_search.arrays import Bool, Int32, Int64
from gnn_search.graph.known_queries.finder import KnownQueries
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.known_queries.weights import LenderWeights
from gnn_search.graph.store import GraphView
from gnn_search.model.features import ProductFacts
from gnn_search.model.inductive_users import InductiveUsers
from gnn_search.model.two_tower import TwoTower
from gnn_search.model.user_tower import Traits
from gnn_search.sampling.history import CategoryLists, QueryCategories
from gnn_search.sampling.inputs import InputSampler, UserInputs


class NodeEncoder:
    """The nodes as they are known in one view of the graph.

    Nodes and requests are encoded `block` at a time; at most `most_scores` are held while the nearest known queries are looked for;
    `lender_weights` say how much known queries count for a new one.

    Shapes:
        - products: float32 [products, d], the products' vectors in this view, where they were encoded before
    """

    def __init__(
        self,
        towers: TwoTower,
        inputs: InputSampler,
        view: GraphView,
        products: Tensor | None = None,
        *,
        lender_weights: LenderWeights | None = None,
        block: int = 8192,
        most_scores: int = 1 << 24,
    ) -> None:
        self.lender_weights = lender_weights
        self.towers, self._inputs, self.view, self._block, self._most_scores = towers, inputs, view, block, most_scores
        if products is not None:
            self.products = products
        self._with_history: tuple[Int32, Tensor] | None = None

    @cached_property
    def categories(self) -> QueryCategories:
        """The queries' categories as known in the view."""
        return self._inputs.categories(self.view)

    @cached_property
    def products(self) -> Tensor:
        """The products' vectors in the view: float32 [products, d], unit length. Encoded when first needed."""
        return self.encode_products()[1]

    @torch.no_grad()
    def encode_products(self) -> tuple[Tensor, Tensor]:
        """Encode all products: their bases and their vectors, each float32 [products, d], the latter of unit length."""
        towers, blocks = self.towers, list(self._blocks(self.view.graph.num_nodes["product"]))
        with_id_embedding = self.with_id_embeddings()
        bases = torch.cat([towers.product_bases(block, with_id_embedding[torch.from_numpy(block)]) for block in blocks])
        queries = np.arange(self.view.graph.num_nodes["query"], dtype=np.int32)
        texts = torch.cat([towers.query_texts(block) for block in self._blocks(len(queries))])
        vectors = torch.empty_like(bases)
        for block in blocks:
            rows = slice(block[0], block[-1] + 1)
            vectors[rows] = towers.product(self._inputs.products(self.view, block), bases[rows], texts, queries, bases)
        return bases, vectors

    def with_id_embeddings(self) -> Tensor:
        """Say which products' ID embeddings count: those with an interaction before the view's time and in training, bool [products]."""
        graph = self.view.graph
        trained = graph.before(min(self.view.time, graph.manifest.validation_start))
        return torch.from_numpy(trained.edges(("query", "leads_to", "product")).degree() > 0)

    @torch.no_grad()
    def encode_queries(self, query: Int32) -> Tensor:
        """Encode known queries without a user: float32 [n, d], unit length."""
        texts = self.towers.query_texts(query)
        return torch.as_tensor(self.towers.query(self._inputs.queries(self.view, query), texts, self.products))

    @torch.no_grad()
    def personalise(
        self,
        vector: Tensor,
        user: Int32,
        query: Int32,
        before: Int64 | None = None,
        inductive: InductiveUsers | None = None,
        categories: CategoryLists | None = None,
    ) -> Tensor:
        """Move query vectors towards their users.

        Shapes:
            - vector, returns: [n, d], unit length
            - user: int32 [n], of the graph or of `inductive`, -1 for none
            - query: int32 [n], history queries, whose categories select the history, -1 for none
            - before: int64 [n], µs, up to which each user's past counts; by default the view's time
            - categories: of which `query` are rows; by default those of the known queries
        """
        users, traits = self._users(user, query, before, inductive, categories)
        return self.towers.personalise(vector, users, self.products, traits)

    @torch.no_grad()
    def encode_new_products(self, products: ProductFacts) -> Tensor:
        """Encode products that are not in the graph, by what is known of them alone: float32 [n, d], unit length.

        A product of which nothing is known has the zero vector, or where products have ID embeddings that of all new ones.
        """
        nothing = np.empty(0, np.int32)
        base = self.towers.new_product_bases(products)
        inputs, texts = self._inputs.unconnected_products(products.count), base[:0]
        return torch.as_tensor(self.towers.product(inputs, base, texts, nothing, base[:0]))

    @torch.no_grad()
    def encode_requests(self, user: Int32, query: Int32) -> Tensor:
        """Encode queries of users: float32 [n, d], unit length.

        The history of a query that led nowhere yet is that of the nearest by text that did.
        """
        distinct, row = np.unique(query, return_inverse=True)
        distinct = distinct.astype(np.int32)
        vectors = self.encode_queries(distinct)
        return self._blockwise(vectors, row, user, self.history_query(distinct)[row])

    @torch.no_grad()
    def encode_borrowing(
        self, user: Int32, query: Int32, *, cold: bool = False, texts: Sequence[str] | None = None
    ) -> tuple[Tensor, Int32, Lenders]:
        """Encode requests; a query that selects no history borrows from the known ones that are like it, its lenders.

        Args:
            user: Of each request.
            query: Of each request.
            cold: Take all queries as new: encode them by text, and let them borrow, but from themselves.
            texts: Other texts for queries that are taken as new, one a request; from what these stand for they may borrow.

        Shapes:
            - user: int32 [n], -1 for nobody
            - query: int32 [n], nodes
            - returns: float32 [n, d], unit length; history queries, int32 [n], the best lender of one that borrows, -1 for none; the
              lenders of the n requests
        """
        distinct, row = np.unique(query, return_inverse=True) if texts is None else (query, np.arange(len(query)))
        distinct = distinct.astype(np.int32)
        borrows = np.arange(len(distinct)) if cold else np.flatnonzero(self.borrows[distinct])
        excluded = None
        if texts is None:
            texts = self.view.graph.nodes("query")["query"].gather(distinct[borrows]).to_list()
            encoded, excluded = self.encode_query_texts(distinct[borrows]), distinct[borrows]
        else:
            encoded = self.encode_texts(texts)
        lenders = self.known_queries.find(texts, encoded.numpy(), excluded).spread(borrows, len(distinct))
        history_query = distinct.copy()
        history_query[borrows] = lenders.best()[0][borrows]
        categories = self.categories.merge(history_query, lenders)
        vectors = self._blockwise(encoded if cold else self.encode_queries(distinct), row, user, row.astype(np.int32), categories)
        return vectors, history_query[row], lenders.take(row)

    @cached_property
    def borrows(self) -> Bool:
        """Which queries borrow from others, bool [queries + 1], the last for a text that is none.

        Those without an interaction, or without a category where others have some.
        """
        selects = self.has_history_categories
        if selects.any():
            return ~selects
        borrows = np.ones_like(selects)
        borrows[self.known_queries.node] = False
        return borrows

    def use_lender_weights(self, weights: LenderWeights) -> None:
        """Say how much known queries count for a new one."""
        self.lender_weights, self.known_queries = weights, self.known_queries.with_weights(weights)

    @cached_property
    def known_queries(self) -> KnownQueries:
        """Finds the known queries of the view that are like a text."""
        return KnownQueries(self.view, lambda query: self.encode_query_texts(query).numpy(), self.lender_weights)

    def _blockwise(self, vectors: Tensor, row: Int64, user: Int32, history_query: Int32, categories: CategoryLists | None = None) -> Tensor:
        """Personalise the vectors in some rows, a block of requests at a time."""
        parts = [
            self.personalise(vectors[torch.from_numpy(row[block])], user[block], history_query[block], categories=categories)
            for block in self._blocks(len(row))
        ]
        return torch.cat(parts) if parts else vectors[:0]

    @torch.no_grad()
    def history_query(self, query: Int32) -> Int32:
        """Return the queries whose categories select the history: each itself, or the nearest by text that led somewhere, or -1.

        Shapes:
            - query: int32 [n], known nodes
            - returns: int32 [n]
        """
        history_query = query.copy()
        new = np.flatnonzero(~self.has_history_categories[query])
        if len(new):
            history_query[new] = self.nearest_query(self.encode_query_texts(query[new]))
        return history_query

    @cached_property
    def has_history_categories(self) -> Bool:
        """Which queries have categories that select a user's history: bool [queries + 1], the last for none."""
        return np.asarray(np.r_[np.diff(self.categories.indptr) > 0, False])

    @torch.no_grad()
    def nearest_query(self, text: Tensor) -> Int32:
        """Return the nearest query by text among those that select a history, -1 where none is near at all.

        Shapes:
            - text: [n, d], unit length, as of `encode_texts`
            - returns: int32 [n]
        """
        if self._with_history is None:
            known = np.flatnonzero(np.diff(self.categories.indptr) > 0).astype(np.int32)
            self._with_history = known, functional.normalize(self.towers.query_texts(known), dim=1)
        known, texts = self._with_history
        if not len(known) or not len(text):
            return np.full(len(text), -1, dtype=np.int32)
        size, best = max(1, self._most_scores // len(known)), []
        for start in range(0, len(text), size):
            scores = text[start : start + size] @ texts.T
            best.append(scores.max(dim=1))
        score, row = torch.cat([part.values for part in best]).numpy(), torch.cat([part.indices for part in best]).numpy()
        return np.where(score > 0, known[row], -1).astype(np.int32)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Encode any texts without the graph: float32 [n, d], unit length, zero for a text of which nothing is known."""
        return functional.normalize(self.towers.text(texts), dim=1)

    @torch.no_grad()
    def encode_query_texts(self, query: Int32) -> Tensor:
        """Encode the texts of known queries without the graph: float32 [n, d], unit length, zero for one of which nothing is known."""
        return functional.normalize(self.towers.query_texts(query), dim=1)

    @torch.no_grad()
    def encode_categories(self) -> Tensor:
        """Encode all categories by the names and ID embeddings on their way to the top: float32 [categories, d], unit length."""
        return self.towers.category_vectors(self.view.graph.taxonomy.ancestors())

    @torch.no_grad()
    def encode_users(self, inductive: InductiveUsers | None = None) -> Tensor:
        """Encode all users, of the graph or inductive, without a query: float32 [users, d], unit length, zero where nothing is known."""
        graph = self.view.graph if inductive is None else inductive.graph
        parts = []
        for block in self._blocks(graph.num_nodes["user"]):
            users, traits = self._users(block, np.full_like(block, -1), None, inductive)
            parts.append(functional.normalize(self.towers.user_vectors(users, self.products, traits)[torch.from_numpy(users.row)], dim=1))
        return torch.cat(parts) if parts else torch.zeros((0, self.towers.config.dimension))

    def _users(
        self,
        user: Int32,
        query: Int32,
        before: Int64 | None,
        inductive: InductiveUsers | None,
        categories: CategoryLists | None = None,
    ) -> tuple[UserInputs, Traits | None]:
        as_of = np.full(len(user), self.view.time, dtype=np.int64) if before is None else before
        history, traits = (None, None) if inductive is None else (inductive.history, inductive.traits)
        return self._inputs.users(user, query, as_of, self.categories if categories is None else categories, history), traits

    def _blocks(self, size: int) -> Iterator[Int32]:
        for start in range(0, size, self._block):
            yield np.arange(start, min(start + self._block, size), dtype=np.int32)
