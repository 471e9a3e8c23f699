"""Candidates for the reranker: the products that the graph leads to from a user and a query, and what lies on the way."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Float32, Float64, Int32, Int64, expand_ranges, sorted_unique
from gnn_search.config.training import RerankerSettings
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.store import EdgeType, Graph, GraphView
from gnn_search.rerank.collaborative import CollaborativeFactors, product_rarity
from gnn_search.rerank.interactions import Interactions, by_row
from gnn_search.rerank.word_matches import WORD_NUMBERS, WordMatches
from gnn_search.sampling.history import CategoryLists, HistoryIndex, QueryCategories

_BASKET_DAYS = 1.0
OWN_PRODUCTS = 512
"""Latest products of a user in one category that become candidates."""


@dataclass(frozen=True)
class ProductInteractions:
    """What all interactions say of each product.

    Shapes:
        - recent: float32 [products, half-lives], interactions, discounted by age
        - recent_first: float32 [products, half-lives], each user's first interaction, discounted by age
        - users: float32 [products], how many users interacted with it
        - since: float32 [products], days since the first interaction, 0 for none
    """

    recent: Float32
    recent_first: Float32
    users: Float32
    since: Float32


@dataclass(frozen=True)
class Candidates:
    """Products that the reranker describes: those that the graph leads to and those near by vector; by request, ascending, distinct.

    Shapes:
        - row: int64 [pairs], the request
        - product: int32 [pairs]
        - from_graph: bool [pairs], false for a product that is only near by vector
        - partners: float32 [pairs, relations, 2], weight of the edges from the user's recent products, and from the last basket alone
        - words: float32 [pairs, 5], `WORD_NUMBERS`; 0 for products that the request's words match less well than the best ones
    """

    row: Int64
    product: Int32
    from_graph: npt.NDArray[np.bool_]
    partners: Float32
    words: Float32

    def take(self, pairs: Int64) -> Candidates:
        """Return some of the pairs, int64 [n], ascending places."""
        return Candidates(self.row[pairs], self.product[pairs], self.from_graph[pairs], self.partners[pairs], self.words[pairs])


class CandidateIndex:
    """Finds candidates by short paths in one view of the graph.

    A product is a candidate if a query -> product edge leads to it (the query's `products` most frequent of late), or if it shares a
    category with the query's products and a user -> product edge or a user -> product -> partner path leads to it. A query that nobody
    searched for borrows both from its lenders. The cost is bounded for each request, whatever the size of the catalogue.

    Args:
        view: What is known.
        settings: Bounds.
        history: Every user's interactions.
        categories: The queries' categories in the view.
        factors: Of users and products, where they were computed before.
        own_products: Latest products of a user in one category that become candidates.
    """

    def __init__(
        self,
        view: GraphView,
        settings: RerankerSettings,
        history: HistoryIndex,
        categories: QueryCategories,
        factors: CollaborativeFactors | None = None,
        *,
        own_products: int = OWN_PRODUCTS,
    ) -> None:
        graph = view.graph
        self.view, self.settings, self.categories = view, settings, categories
        self.num_products, self._own_products = graph.num_nodes["product"], own_products
        self.product_category = np.asarray(graph.taxonomy.product_category)
        self.num_categories = max(graph.taxonomy.num_categories, 1)
        self.product_brand, self.num_brands = _brands(graph)
        self.partner_relations = partner_relations(graph)
        self._partner_edges = [view.edges(relation) for relation in self.partner_relations]
        self.query_interactions = _count_interactions(view, [("product", "rev_leads_to", "query")], settings)
        self._load_users(view, history)
        self.query_categories = self.query_interactions.regroup(self.product_category, self.num_categories)
        self.query_totals = self.query_interactions.totals()
        self.factors = (
            CollaborativeFactors.decompose(self.user_interactions, self.num_products, settings.factors) if factors is None else factors
        )
        self.products = _product_interactions(self.query_interactions, self.user_interactions, settings, self.num_products)
        self._list, self._list_indptr = _most_frequent(self.query_interactions, settings.products)

    def for_users(self, graph: Graph, history: HistoryIndex) -> CandidateIndex:
        """Return the same index for other users, whose interactions say nothing of products in general.

        The graph is the one with these users (`Graph.with_users`).
        """
        other = copy(self)
        other._load_users(graph.before(self.view.time), history)
        other.factors = self.factors.for_users(other.user_interactions, self._rarity)
        return other

    @cached_property
    def _rarity(self) -> Float64:
        return product_rarity(self.user_interactions, self.num_products)

    def _load_users(self, view: GraphView, history: HistoryIndex) -> None:
        """Count the interactions of the users of a view."""
        self._history = history
        self.user_interactions = _count_interactions(
            view, [(target, f"rev_{action}", source) for source, action, target in view.graph.positive_relations], self.settings
        )
        self.user_categories = self.user_interactions.regroup(self.product_category, self.num_categories)
        self.user_brands = self.user_interactions.regroup(self.product_brand, max(self.num_brands, 1))
        self.user_totals = self.user_interactions.totals()
        category = self.product_category[self.user_interactions.column]
        # In the order of the user's categories, whose pairs then mark where each category starts; inside one the latest first.
        order = np.lexsort((self.user_interactions.latest, category, self.user_interactions.row))
        self._user_order = order[category[order] >= 0]
        sizes = np.diff(self.user_categories.indptr)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        group = self.user_interactions.row[self._user_order].astype(np.int64) * self.num_categories + category[self._user_order]
        self._group_start = np.searchsorted(group, owner * self.num_categories + self.user_categories.column)
        ends = np.searchsorted(group, owner * self.num_categories + self.user_categories.column, side="right")
        self._group_end = np.minimum(ends, self._group_start + self._own_products)

    def find_candidates(
        self, user: Int32, query: Int32, history_query: Int32, matched: WordMatches, near: Int32, lenders: Lenders | None = None
    ) -> Candidates:
        """Find the candidates of requests.

        Args:
            user: Of each request.
            query: Of each request.
            history_query: Queries whose categories select the user's history.
            matched: Products that the requests' words match.
            near: Products near by vector, which become candidates too.
            lenders: What the requests borrow from, instead of the history query; none may.

        Shapes:
            - user, query: int32 [n], -1 for nobody and for a new query
            - history_query: int32 [n], -1 for none
            - matched, lenders: of n texts, the requests'
            - near: int32 [n, m]
        """
        # Of each user the partners in order of category and product, so that those in a category are one range.
        users, place = np.unique(user, return_inverse=True)
        partner_group, partner_product, weight = self._partners(users.astype(np.int32))
        # The categories in which each request's user has a history that counts.
        categories: CategoryLists = self.categories
        borrowed_key = np.empty(0, dtype=np.int64)
        if lenders is not None:
            categories, borrowed_key = self.categories.merge(history_query, lenders), self._borrowed(lenders)
            history_query = np.arange(len(user), dtype=np.int32)
        selected = np.flatnonzero((history_query >= 0) & (user >= 0))
        starts, ends = categories.indptr[history_query[selected]], categories.indptr[history_query[selected] + 1]
        inner, position = expand_ranges(starts, ends)
        row, category = selected[inner], categories.category[position].astype(np.int64)
        # What the query's interactions lead to, what its words match, and the user's own products and their partners in those categories.
        known = np.flatnonzero(query >= 0)
        inner, position = expand_ranges(self._list_indptr[query[known]], self._list_indptr[query[known] + 1])
        query_key = known[inner] * self.num_products + self.query_interactions.column[self._list[position]]
        match_row, match = expand_ranges(matched.starts, matched.ends)
        match_key, score = match_row * self.num_products + matched.product[match], matched.score[match]
        group = self.user_categories.find(user[row].astype(np.int64), category, self.num_categories)
        inner, position = expand_ranges(self._group_start[group[group >= 0]], self._group_end[group[group >= 0]])
        user_key = row[group >= 0][inner] * self.num_products + self.user_interactions.column[self._user_order[position]]
        wanted = place[row] * self.num_categories + category
        inner, position = expand_ranges(np.searchsorted(partner_group, wanted), np.searchsorted(partner_group, wanted, side="right"))
        partner_key = row[inner] * self.num_products + partner_product[position]
        near_key = (np.arange(len(user), dtype=np.int64)[:, None] * self.num_products + near).ravel()
        from_graph = sorted_unique(np.concatenate([query_key, borrowed_key, user_key, partner_key, match_key]))
        distinct = sorted_unique(np.concatenate([from_graph, near_key]))
        partners = np.zeros((len(distinct), *weight.shape[1:]), dtype=np.float32)
        partners[np.searchsorted(distinct, partner_key)] = weight[position]
        words = np.zeros((len(distinct), len(WORD_NUMBERS)), dtype=np.float32)
        share = score[:, 0] / np.maximum(matched.score[matched.starts[match_row], 0], 1e-9)
        words[np.searchsorted(distinct, match_key)] = np.column_stack([score[:, 0], share, score[:, 1:]])
        product = (distinct % self.num_products).astype(np.int32)
        return Candidates(distinct // self.num_products, product, np.isin(distinct, from_graph, assume_unique=True), partners, words)

    def _borrowed(self, lenders: Lenders) -> Int64:
        """Return the products that requests' lenders lead to, at most `products` each, by weight and share of the lender's interactions.

        Shapes:
            - returns: int64 [found], request * products + product
        """
        edge, position = expand_ranges(self._list_indptr[lenders.query], self._list_indptr[lenders.query + 1])
        place = self._list[position]
        share = self.query_interactions.count[place] / np.maximum(self.query_totals[0][lenders.query][edge], 1e-9)
        key = lenders.row[edge] * self.num_products + self.query_interactions.column[place]
        distinct, pair = np.unique(key, return_inverse=True)
        score = np.bincount(pair, weights=lenders.weight[edge] * share, minlength=len(distinct))
        row = distinct // self.num_products
        order = np.lexsort((distinct, -score, row))
        return np.asarray(distinct[order[np.arange(len(row)) - np.searchsorted(row, row) < self.settings.products]])

    def _partners(self, user: Int32) -> tuple[Int64, Int32, Float32]:
        """Return the partners of some users' recent products and the weights of the edges that lead there.

        Shapes:
            - user: int32 [n], -1 for none
            - returns: int64 [partners], place of the user * categories + category, ascending; int32 [partners], the products; float32
              [partners, relations, 2]
        """
        if not self.settings.recent_length or not self.partner_relations:
            return np.empty(0, np.int64), np.empty(0, np.int32), np.empty((0, len(self.partner_relations), 2), np.float32)
        latest = self._history.latest(user, np.full(len(user), self.view.time, dtype=np.int64), self.settings.recent_length)
        size = np.diff(latest.indptr)
        owner = np.repeat(np.arange(len(user)), size)
        newest = np.zeros(len(user), dtype=np.int64)
        newest[size > 0] = latest.last[latest.indptr[1:][size > 0] - 1]
        basket = latest.last >= newest[owner] - int(_BASKET_DAYS * 86_400e6)
        keys, weights = [], []
        for place, edges in enumerate(self._partner_edges):
            inner, edge = expand_ranges(edges.starts[latest.product], edges.ends[latest.product])
            product = np.asarray(edges.csr.index[edge])
            category = self.product_category[product]
            kept = category >= 0
            inner, product, category = inner[kept], product[kept], category[kept]
            keys.append((owner[inner] * self.num_categories + category) * self.num_products + product)
            weight = np.zeros((len(inner), len(self.partner_relations), 2), dtype=np.float32)
            weight[:, place, 0] = np.asarray(edges.csr.weight[edge])[kept]
            weight[:, place, 1] = weight[:, place, 0] * basket[inner]
            weights.append(weight)
        key, weight = np.concatenate(keys), np.concatenate(weights)
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        distinct = key[order][starts]
        product = (distinct % self.num_products).astype(np.int32)
        return distinct // self.num_products, product, np.add.reduceat(weight[order], starts, axis=0) if len(key) else weight


def partner_relations(graph: Graph) -> list[EdgeType]:
    """Return the relations between products, rows = products, entries = partners."""
    names = [relation for source, relation, target in graph.edge_types if source == target == "product" and not relation.startswith("rev_")]
    return [("product", f"rev_{relation}", "product") for relation in names]


def _count_interactions(view: GraphView, relations: list[EdgeType], settings: RerankerSettings) -> Interactions:
    edges: list[Any] = [view.edges(relation).flatten() for relation in relations]
    kinds = (np.int32, np.int32, np.int64, np.float32)
    row, column, time, weight = (
        np.concatenate([np.empty(0, kind), *(parts[place] for parts in edges)]) for place, kind in enumerate(kinds)
    )
    sizes = view.graph.num_nodes
    num_rows = sizes[relations[0][2]] if relations else sizes["user"]
    return Interactions.count_edges(row, column, time, weight, view.time, settings.half_life_days, num_rows, sizes["product"])


def _product_interactions(
    of_queries: Interactions, of_users: Interactions, settings: RerankerSettings, num_products: int
) -> ProductInteractions:
    first = np.exp2(-of_users.first[:, None] / np.asarray(settings.half_life_days, dtype=np.float32))
    since = np.zeros(num_products, dtype=np.float32)
    np.maximum.at(since, of_queries.column, of_queries.first)
    return ProductInteractions(
        recent=by_row(of_queries.column, of_queries.recent, num_products),
        recent_first=by_row(of_users.column, first, num_products),
        users=np.bincount(of_users.column, minlength=num_products).astype(np.float32),
        since=since,
    )


def _most_frequent(of_queries: Interactions, most: int) -> tuple[Int64, Int64]:
    """Return the positions of each query's most frequent products of late, and where each query's start."""
    row = of_queries.row
    # The second longest half-life: long enough to be steady, short enough to forget.
    late = of_queries.recent[:, -2] if of_queries.recent.shape[1] > 1 else of_queries.recent[:, -1]
    order = np.lexsort((-of_queries.count, -late, row))
    rank = np.arange(len(order)) - of_queries.indptr[row[order]]
    kept = order[rank < most]
    indptr = np.zeros(len(of_queries.indptr), dtype=np.int64)
    np.cumsum(np.minimum(np.diff(of_queries.indptr), most), out=indptr[1:])
    return kept, indptr


def _brands(graph: Graph) -> tuple[Int32, int]:
    """Number the brands: int32 [products], -1 for none, and how many there are."""
    products = graph.nodes("product")
    if "brand" not in products.columns:
        return np.full(products.height, -1, dtype=np.int32), 0
    names = products["brand"].drop_nulls().unique().sort()
    numbers = pl.DataFrame({"brand": names}).with_row_index("number")
    number = products.select("brand").join(numbers, on="brand", how="left", maintain_order="left")["number"]
    return number.cast(pl.Int32).fill_null(-1).to_numpy(), len(names)
