"""A shopper's own past: the part that shares categories with the query, and the latest of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.graph.csr import Csr, Float32, Int32, Int64, bisect_rows, expand_ranges
from gnn_search.graph.store import Graph, GraphView

NUM_FEATURES = 3
"""Numbers that describe a product in a history: ln(times chosen), ln(1 + days since last), share of the row's choices."""


@dataclass(frozen=True)
class History:
    """Distinct products of some shoppers' pasts, ragged by row.

    Shapes:
        indptr: int64 [rows + 1]; product: int32 [items], latest last in each row; features: float32 [items, NUM_FEATURES];
        count: int32 [items]; last: int64 [items], µs.
    """

    indptr: Int64
    product: Int32
    features: Float32
    count: Int32
    last: Int64


class QueryCategories:
    """The categories of each query in a view: those of the products that it led to, the commonest first.

    Shapes:
        indptr: int64 [queries + 1]; category: int32 [pairs]; count: int64 [pairs].
    """

    def __init__(self, view: GraphView, most: int) -> None:
        num_categories = max(view.graph.taxonomy.num_categories, 1)
        query, product, _, _ = view.edges(("product", "rev_leads_to", "query")).flatten()
        category = np.asarray(view.graph.taxonomy.product_category)[product]
        placed = category >= 0
        pair, count = np.unique(query[placed].astype(np.int64) * num_categories + category[placed], return_counts=True)
        query_of_pair = pair // num_categories
        order = np.lexsort((-count, query_of_pair))
        size = np.bincount(query_of_pair, minlength=view.graph.num_nodes["query"])
        rank = np.arange(len(pair)) - np.repeat(np.cumsum(size) - size, size)
        kept = order[rank < most]
        self.category = (pair[kept] % num_categories).astype(np.int32)
        self.count = count[kept]
        self.indptr = np.zeros(len(size) + 1, dtype=np.int64)
        np.cumsum(np.minimum(size, most), out=self.indptr[1:])


class HistoryIndex:
    """Every shopper's choices sorted by category and time, so that the walk query -> category -> product <- user is a few binary searches.

    What a shopper chose in one category is one interval; the part before a moment is a prefix of it.
    """

    def __init__(self, graph: Graph) -> None:
        user, product, time = _choices(graph)
        category = np.asarray(graph.taxonomy.product_category)[product]
        order = np.lexsort((time, category, user))
        self._num_users = graph.num_nodes["user"]
        self._product, self._time = product[order], time[order]
        group = user[order].astype(np.int64) * (graph.taxonomy.num_categories + 1) + category[order] + 1
        self._groups, starts = np.unique(group, return_index=True)
        self._bounds = np.r_[starts, len(group)].astype(np.int64)
        self._num_categories = graph.taxonomy.num_categories
        by_time = np.lexsort((time, user))
        indptr = np.zeros(self._num_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(user, minlength=self._num_users), out=indptr[1:])
        self._chronicle = Csr(indptr, product[by_time], time[by_time], np.ones(len(user), np.float32))

    def in_categories(self, user: Int32, query: Int32, before: Int64, categories: QueryCategories, most: int) -> History:
        """Return what each shopper chose, before a moment, in the query's categories: the latest `most` distinct products.

        Args:
            user: Shopper of each row, -1 for none.
            query: Query of each row, -1 for one without categories.
            before: The moment, µs.
            categories: The queries' categories as known.
            most: Most products a row.

        Shapes:
            user, query: int32 [n]; before: int64 [n].
        """
        known = (user >= 0) & (query >= 0)
        safe = np.where(query >= 0, query, 0)
        starts = categories.indptr[safe]
        row, position = expand_ranges(starts, np.where(known, categories.indptr[safe + 1], starts))
        group = user[row].astype(np.int64) * (self._num_categories + 1) + categories.category[position] + 1
        found = np.searchsorted(self._groups, group)
        found = np.minimum(found, len(self._groups) - 1) if len(self._groups) else found
        hit = self._groups[found] == group if len(self._groups) else np.zeros(len(group), dtype=bool)
        row, found = row[hit], found[hit]
        ends = bisect_rows(self._time, self._bounds[found], self._bounds[found + 1], before[row])
        inner, choice = expand_ranges(self._bounds[found], ends)
        return _distinct(row[inner], self._product[choice], self._time[choice], before, most)

    def latest(self, user: Int32, before: Int64, most: int) -> History:
        """Return the latest choices of each shopper before a moment, at most `most` of them, as distinct products.

        Shapes:
            user: int32 [n], -1 for none; before: int64 [n].
        """
        safe = np.where(user >= 0, user, 0)
        starts = self._chronicle.indptr[safe]
        assert self._chronicle.time is not None
        ends = bisect_rows(self._chronicle.time, starts, np.where(user >= 0, self._chronicle.indptr[safe + 1], starts), before)
        row, choice = expand_ranges(np.maximum(starts, ends - most), ends)
        return _distinct(row, self._chronicle.index[choice], self._chronicle.time[choice], before, most)


def _choices(graph: Graph) -> tuple[Int32, Int32, Int64]:
    users, products, times = [], [], []
    for source, action, target in graph.choices:
        csr = graph.csr((target, f"rev_{action}", source))
        users.append(np.repeat(np.arange(csr.num_rows, dtype=np.int32), np.diff(csr.indptr)))
        products.append(np.asarray(csr.index))
        assert csr.time is not None
        times.append(np.asarray(csr.time))
    if not users:
        return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64)
    return np.concatenate(users), np.concatenate(products), np.concatenate(times)


def _distinct(row: Int64, product: Int32, time: Int64, before: Int64, most: int) -> History:
    """Merge repeats of a product in a row, order by last choice, keep the latest."""
    num_rows = len(before)
    span = int(product.max()) + 1 if len(product) else 1
    key = row * span + product
    order = np.lexsort((time, key))
    key = key[order]
    last_of_run = np.flatnonzero(np.r_[key[1:] != key[:-1], True]) if len(key) else np.empty(0, np.int64)
    count = np.diff(np.r_[-1, last_of_run])
    row, product, last = row[order][last_of_run], product[order][last_of_run], time[order][last_of_run]
    by_time = np.lexsort((product, last, row))
    row, product, last, count = row[by_time], product[by_time], last[by_time], count[by_time]
    end = np.searchsorted(row, row, side="right")
    kept = end - 1 - np.arange(len(row)) < most
    row, product, last, count = row[kept], product[kept], last[kept], count[kept]
    indptr = np.zeros(num_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=num_rows), out=indptr[1:])
    total = np.bincount(row, weights=count, minlength=num_rows)
    days = (before[row] - last) / 86_400e6
    features = np.stack([np.log(count), np.log1p(np.maximum(days, 0)), count / np.maximum(total[row], 1)], axis=1).astype(np.float32)
    return History(indptr, product.astype(np.int32), features, count.astype(np.int32), last)
