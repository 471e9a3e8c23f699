"""The products that a walk from a shopper and from a query reaches, and what lies on the way."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.config.training import RerankerSettings
from gnn_search.graph.csr import Float32, Int32, Int64, expand_ranges
from gnn_search.graph.store import EdgeType, Graph, GraphView
from gnn_search.sampling.history import HistoryIndex, QueryCategories
from gnn_search.sampling.walk.evidence import Evidence, by_row
from gnn_search.sampling.walk.factors import Factors, Float64, product_rarity
from gnn_search.sampling.walk.words import WordMatches

_BASKET_DAYS = 1.0
_OWN_PRODUCTS = 512
"""Products that a shopper chose in one category, the latest, that a walk reaches."""


@dataclass(frozen=True)
class ProductEvidence:
    """What all choices say of each product.

    Shapes:
        recent, recent_first: float32 [products, half-lives], choices and first choices of a shopper, their age discounted; shoppers:
        float32 [products], who ever chose it; since: float32 [products], days since the first choice, 0 for none.
    """

    recent: Float32
    recent_first: Float32
    shoppers: Float32
    since: Float32


@dataclass(frozen=True)
class Reached:
    """Products to be described, which walks reach or which are near by vector, by request, ascending, distinct.

    Shapes:
        row: int64 [pairs], the request; product: int32 [pairs]; walked: bool [pairs], false for one that is only near by vector; partners:
        float32 [pairs, relations, 2], weight of the edges from the shopper's recent choices and from the last basket alone; words:
        float32 [pairs, 2], BM25's score, and its share of the request's best.
    """

    row: Int64
    product: Int32
    walked: npt.NDArray[np.bool_]
    partners: Float32
    words: Float32

    def of(self, pairs: Int64) -> Reached:
        """Return some of the pairs, int64 [n], ascending places."""
        return Reached(self.row[pairs], self.product[pairs], self.walked[pairs], self.partners[pairs], self.words[pairs])


@dataclass(frozen=True)
class Matched:
    """Products that requests' words match.

    Shapes:
        row: int64 [matches], the request; product: int32 [matches]; score: float32 [matches, 2], as `Reached.words`.
    """

    row: Int64
    product: Int32
    score: Float32


class WalkIndex:
    """The ways from a shopper and a query to products, as known in one view of the graph.

    A product is reached by a query -> product edge (the query's `products` most chosen of late), or, where it shares a category with the
    query's products, by a shopper -> product edge or a shopper -> product -> partner walk. What that costs is bounded for each request,
    whatever the size of the catalogue.

    Args:
        view: What is known.
        settings: Bounds.
        history: Every shopper's choices.
        categories: The queries' categories in the view.
        factors: What shoppers alike choose, where it was computed before.
    """

    def __init__(
        self,
        view: GraphView,
        settings: RerankerSettings,
        history: HistoryIndex,
        categories: QueryCategories,
        factors: Factors | None = None,
    ) -> None:
        graph = view.graph
        self.view, self.settings, self.categories = view, settings, categories
        self.num_products = graph.num_nodes["product"]
        self.product_category = np.asarray(graph.taxonomy.product_category)
        self.num_categories = max(graph.taxonomy.num_categories, 1)
        self.product_brand, self.num_brands = _brands(graph)
        self.partner_relations = partner_relations(graph)
        self.asked = _evidence(view, [("product", "rev_leads_to", "query")], settings)
        self._take_shoppers(view, history)
        self.asked_category = self.asked.regroup(self.product_category, self.num_categories)
        self.asked_totals = self.asked.totals()
        self.factors = Factors.of(self.own, self.num_products, settings.factors) if factors is None else factors
        self.products = _product_evidence(self.asked, self.own, settings, self.num_products)
        self._list, self._list_indptr = _best_of_each(self.asked, settings.products)

    def for_shoppers(self, graph: Graph, history: HistoryIndex) -> WalkIndex:
        """Return the same ways for other shoppers, whose own choices say nothing of products in general.

        Args:
            graph: The shop with these shoppers (`Graph.with_shoppers`).
            history: Their choices.
        """
        other = copy(self)
        other._take_shoppers(graph.before(self.view.time), history)
        other.factors = self.factors.of_shoppers(other.own, self._rarity)
        return other

    @cached_property
    def _rarity(self) -> Float64:
        return product_rarity(self.own, self.num_products)

    def _take_shoppers(self, view: GraphView, history: HistoryIndex) -> None:
        """Gather what the shoppers of a view chose."""
        self._history = history
        self.own = _evidence(view, [(target, f"rev_{action}", source) for source, action, target in view.graph.choices], self.settings)
        self.own_category = self.own.regroup(self.product_category, self.num_categories)
        self.own_brand = self.own.regroup(self.product_brand, max(self.num_brands, 1))
        self.own_totals = self.own.totals()
        category = self.product_category[self.own.column]
        # In the order of the shopper's categories, whose pairs then mark where each category starts; inside one the latest first.
        order = np.lexsort((self.own.latest, category, self.own.row))
        self._own_order = order[category[order] >= 0]
        sizes = np.diff(self.own_category.indptr)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        group = self.own.row[self._own_order].astype(np.int64) * self.num_categories + category[self._own_order]
        self._group_start = np.searchsorted(group, owner * self.num_categories + self.own_category.column)
        ends = np.searchsorted(group, owner * self.num_categories + self.own_category.column, side="right")
        self._group_end = np.minimum(ends, self._group_start + _OWN_PRODUCTS)

    def reach(self, user: Int32, query: Int32, recalling: Int32, matched: Matched, near: Int32) -> Reached:
        """Walk from shoppers and queries.

        Args:
            user: Shoppers, -1 for nobody.
            query: Queries, -1 for one that nobody asked before.
            recalling: Queries whose categories call up the shopper's past, -1 for none.
            matched: What the queries' words match.
            near: Products that are near by vector, to be described as well.

        Shapes:
            user, query, recalling: int32 [n]; near: int32 [n, m].
        """
        asked_row, asked_product = self._from_query(query)
        row, category = self._categories_of(user, recalling)
        own_row, own_product = self._from_user(user, row, category)
        partner_row, partner_product, weight = self._from_partners(user, row, category)
        partner_key = partner_row * self.num_products + partner_product
        matched_key = matched.row * self.num_products + matched.product
        walked = _distinct(
            np.concatenate(
                [asked_row * self.num_products + asked_product, own_row * self.num_products + own_product, partner_key, matched_key]
            )
        )
        near_key = (np.arange(len(user), dtype=np.int64)[:, None] * self.num_products + near).ravel()
        distinct = _distinct(np.concatenate([walked, near_key]))
        partners = np.zeros((len(distinct), *weight.shape[1:]), dtype=np.float32)
        partners[np.searchsorted(distinct, partner_key)] = weight
        words = np.zeros((len(distinct), 2), dtype=np.float32)
        words[np.searchsorted(distinct, matched_key)] = matched.score
        product = (distinct % self.num_products).astype(np.int32)
        return Reached(distinct // self.num_products, product, np.isin(distinct, walked, assume_unique=True), partners, words)

    def _from_query(self, query: Int32) -> tuple[Int64, Int32]:
        known = np.maximum(query, 0)
        starts = self._list_indptr[known]
        row, position = expand_ranges(starts, np.where(query >= 0, self._list_indptr[known + 1], starts))
        return row, self.asked.column[self._list[position]]

    def _categories_of(self, user: Int32, recalling: Int32) -> tuple[Int64, Int32]:
        """Return the categories that each request's shopper may be asked about: rows and categories."""
        known = np.maximum(recalling, 0)
        starts = self.categories.indptr[known]
        ends = np.where((recalling >= 0) & (user >= 0), self.categories.indptr[known + 1], starts)
        row, position = expand_ranges(starts, ends)
        return row, self.categories.category[position]

    def _from_user(self, user: Int32, row: Int64, category: Int32) -> tuple[Int64, Int32]:
        group = self.own_category.find(user[row].astype(np.int64), category.astype(np.int64), self.num_categories)
        row, group = row[group >= 0], group[group >= 0]
        inner, position = expand_ranges(self._group_start[group], self._group_end[group])
        return row[inner], self.own.column[self._own_order[position]]

    def _from_partners(self, user: Int32, row: Int64, category: Int32) -> tuple[Int64, Int32, Float32]:
        """Return partners of the shoppers' recent choices, in the given categories, and the weights of the edges that led there."""
        shape = (len(self.partner_relations), 2)
        nothing = np.empty(0, np.int64), np.empty(0, np.int32), np.empty((0, *shape), np.float32)
        if not self.settings.recent or not self.partner_relations or not len(row):
            return nothing
        shopper, place = np.unique(user[row], return_inverse=True)
        partner, product, weight = self._partners(shopper.astype(np.int32))
        if not len(partner):
            return nothing
        # Ordered by shopper, category and product, so that a shopper's partners in a category are one range.
        key = partner.astype(np.int64) * self.num_categories + self.product_category[product]
        wanted = place.astype(np.int64) * self.num_categories + category
        inner, position = expand_ranges(np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right"))
        return row[inner], product[position], weight[position]

    def _partners(self, shopper: Int32) -> tuple[Int64, Int32, Float32]:
        """Return the partners of some shoppers' recent choices, ordered by place of the shopper, category and product."""
        latest = self._history.latest(shopper, np.full(len(shopper), self.view.time, dtype=np.int64), self.settings.recent)
        size = np.diff(latest.indptr)
        owner = np.repeat(np.arange(len(shopper)), size)
        newest = np.zeros(len(shopper), dtype=np.int64)
        newest[size > 0] = latest.last[latest.indptr[1:][size > 0] - 1]
        basket = latest.last >= newest[owner] - int(_BASKET_DAYS * 86_400e6)
        keys, weights = [], []
        for place, relation in enumerate(self.partner_relations):
            edges = self.view.edges(relation)
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
        if not len(key):
            return np.empty(0, np.int64), np.empty(0, np.int32), weight
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(key[order]) > 0])
        distinct = key[order][starts]
        product = (distinct % self.num_products).astype(np.int32)
        return distinct // (self.num_products * self.num_categories), product, np.add.reduceat(weight[order], starts, axis=0)


def _distinct(keys: Int64) -> Int64:
    """Return the distinct keys, ascending. numpy.unique hashes them first, which takes many times as long as a sort."""
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def match_words(matches: WordMatches, text: Int64) -> Matched:
    """Spread what texts match over requests.

    Shapes:
        text: int64 [n], which of the texts each request asks.
    """
    row, place = expand_ranges(matches.indptr[text], matches.indptr[text + 1])
    score = matches.score[place]
    best = matches.score[matches.indptr[text][row]] if len(row) else score
    return Matched(row, matches.product[place], np.stack([score, score / np.maximum(best, 1e-9)], axis=1))


def partner_relations(graph: Graph) -> list[EdgeType]:
    """Return the relations between products, rows = products, entries = partners."""
    names = [relation for source, relation, target in graph.edge_types if source == target == "product" and not relation.startswith("rev_")]
    return [("product", f"rev_{relation}", "product") for relation in names]


def _evidence(view: GraphView, relations: list[EdgeType], settings: RerankerSettings) -> Evidence:
    rows, columns, times, weights = [], [], [], []
    for relation in relations:
        row, column, time, weight = view.edges(relation).flatten()
        assert time is not None
        rows.append(row)
        columns.append(column)
        times.append(time)
        weights.append(weight)
    sizes = view.graph.num_nodes
    num_rows = sizes[relations[0][2]] if relations else sizes["user"]
    return Evidence.of(
        np.concatenate(rows) if rows else np.empty(0, np.int32),
        np.concatenate(columns) if columns else np.empty(0, np.int32),
        np.concatenate(times) if times else np.empty(0, np.int64),
        np.concatenate(weights) if weights else np.empty(0, np.float32),
        view.time,
        settings.half_life_days,
        num_rows,
        sizes["product"],
    )


def _product_evidence(asked: Evidence, own: Evidence, settings: RerankerSettings, num_products: int) -> ProductEvidence:
    first = np.exp2(-own.first[:, None] / np.asarray(settings.half_life_days, dtype=np.float32))
    since = np.zeros(num_products, dtype=np.float32)
    np.maximum.at(since, asked.column, asked.first)
    return ProductEvidence(
        recent=by_row(asked.column, asked.recent, num_products),
        recent_first=by_row(own.column, first, num_products),
        shoppers=np.bincount(own.column, minlength=num_products).astype(np.float32),
        since=since,
    )


def _best_of_each(asked: Evidence, most: int) -> tuple[Int64, Int64]:
    """Return the positions of each query's most chosen products of late, and where each query's start."""
    row = asked.row
    # The second longest half-life: long enough to be steady, short enough to forget.
    late = asked.recent[:, -2] if asked.recent.shape[1] > 1 else asked.recent[:, -1]
    order = np.lexsort((-asked.count, -late, row))
    rank = np.arange(len(order)) - asked.indptr[row[order]]
    kept = order[rank < most]
    indptr = np.zeros(len(asked.indptr), dtype=np.int64)
    np.cumsum(np.minimum(np.diff(asked.indptr), most), out=indptr[1:])
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
