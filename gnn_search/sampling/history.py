"""A user's own past: the part in the query's categories, the latest interactions, and a profile of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Float32, Float64, Int32, Int64, bisect_rows, expand_ranges, find_keys
from gnn_search.config.training import UserSettings
from gnn_search.graph.csr import Csr
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.store import Graph, GraphView

NUM_FEATURES = 3
"""Numbers that describe a product in a history: ln(interactions), ln(1 + days since the last), share of the row's interactions."""

_DAY = 86_400e6
"""µs."""
_LEAST_SHARE = 0.05
"""Of a borrowed category, as a part of the commonest one's."""


@dataclass(frozen=True)
class History:
    """Distinct products of some users' pasts, ragged by row.

    Shapes:
        - indptr: int64 [rows + 1]
        - product: int32 [items], latest last in each row
        - features: float32 [items, NUM_FEATURES]
        - count: int32 [items], interactions with each
        - last: int64 [items], time of the last one, µs
        - age: float32 [items], days since the last one
    """

    indptr: Int64
    product: Int32
    features: Float32
    count: Int32
    last: Int64
    age: Float32


@dataclass(frozen=True)
class Profile:
    """Interactions that stand for some users' whole pasts, ragged by row and in time order.

    Shapes:
        - indptr: int64 [rows + 1]
        - product: int32 [items]
    """

    indptr: Int64
    product: Int32


@dataclass(eq=False)
class CategoryLists:
    """The categories that select a user's history, ragged by query or by request, the commonest first.

    Shapes:
        - indptr: int64 [rows + 1]
        - category: int32 [pairs]
        - share: float32 [pairs], of the row's interactions
    """

    indptr: Int64
    category: Int32
    share: Float32

    def of(self, row: Int32 | Int64, least: float = 0.0) -> tuple[Int64, Int32, Float32]:
        """Return the categories of some rows that have at least a share of it: place of the row, category, share."""
        place, position = expand_ranges(self.indptr[row], self.indptr[row + 1])
        kept = self.share[position] >= least
        return place[kept], self.category[position[kept]], self.share[position[kept]]


class QueryCategories(CategoryLists):
    """The categories of each query in a view: those of the products of its interactions, at most `most`.

    Shapes:
        - count: int64 [pairs], interactions
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
        total = np.bincount(query_of_pair, weights=count, minlength=len(size))
        share = (count / np.maximum(total[query_of_pair], 1)).astype(np.float32)
        super().__init__(np.cumsum(np.r_[0, np.minimum(size, most)]), (pair[kept] % num_categories).astype(np.int32), share[kept])
        self.count, self._most, self._num_categories = count[kept], most, num_categories

    def merge(self, history_query: Int32, lenders: Lenders) -> CategoryLists:
        """Return the categories of requests: those of the history query, or of the lenders where there are any, by weight.

        Of what is borrowed, categories with less than `_LEAST_SHARE` of the commonest one's share are left out.

        Shapes:
            - history_query: int32 [n], -1 for none
            - lenders: of the n requests
        """
        borrowed = np.diff(lenders.indptr) > 0
        own = np.flatnonzero(~borrowed & (history_query >= 0))
        row, query = np.concatenate([own, lenders.row]), np.concatenate([history_query[own], lenders.query])
        weight = np.concatenate([np.ones(len(own), dtype=np.float32), lenders.weight])
        inner, place = expand_ranges(self.indptr[query], self.indptr[query + 1])
        key, pair = np.unique(row[inner] * self._num_categories + self.category[place], return_inverse=True)
        weighted = (weight[inner] * self.share[place]).astype(np.float64)
        shares: Float64 = np.bincount(pair, weights=weighted, minlength=len(key)).astype(np.float64)
        owner = key // self._num_categories
        shares /= np.maximum(np.bincount(row, weights=weight, minlength=len(lenders)), 1e-9)[owner]
        order = np.lexsort((key, -shares, owner))
        owner, share = owner[order], shares[order]
        first = np.searchsorted(owner, owner)
        kept = (np.arange(len(owner)) - first < self._most) & (~borrowed[owner] | (share >= _LEAST_SHARE * share[first]))
        bounds = np.cumsum(np.r_[0, np.bincount(owner[kept], minlength=len(lenders))])
        return CategoryLists(bounds, (key[order][kept] % self._num_categories).astype(np.int32), share[kept].astype(np.float32))


class HistoryIndex:
    """Every user's interactions sorted by category and time, so that finding those in a query's categories takes a few binary searches.

    A user's interactions in one category are one interval, and those before a time are a prefix of it. Of these the latest `most_read`
    count, so that the cost stays bounded for the heaviest users.
    """

    def __init__(self, graph: Graph, most_read: int = 512) -> None:
        self._most_read, self._actions = most_read, graph.positive_actions
        kinds = {action: _Timeline.of(graph.csr((product, f"rev_{action}", user))) for user, action, product in graph.positive_relations}
        chronicle = _chronicle(list(kinds.values()), graph.num_nodes["user"])
        self._timelines: dict[str | None, _Timeline] = {None: chronicle}
        self._timelines.update(kinds)
        user = np.repeat(np.arange(len(chronicle.indptr) - 1, dtype=np.int64), np.diff(chronicle.indptr))
        self._num_categories = graph.taxonomy.num_categories
        group = user * (self._num_categories + 1) + np.asarray(graph.taxonomy.product_category)[chronicle.product] + 1
        # Users' interactions are in time order, which a stable sort keeps.
        order = np.argsort(group, kind="stable")
        self._group_keys, starts = np.unique(group[order], return_index=True)
        self._groups = _Timeline(np.r_[starts, len(group)].astype(np.int64), chronicle.product[order], chronicle.time[order])

    def latest(self, user: Int32, before: Int64, most: int, action: str | None = None) -> History:
        """Return the latest interactions of each user before a time, at most `most` of them, as distinct products.

        Shapes:
            - user: int32 [n], -1 for none
            - before: int64 [n], µs
            - action: None takes all kinds together
        """
        timeline, known = self._timelines[action], np.flatnonzero(user >= 0)
        starts, ends = timeline.indptr[user[known]], timeline.indptr[user[known] + 1]
        ends = bisect_rows(timeline.time, starts, ends, before[known])
        inner, place = expand_ranges(np.maximum(starts, ends - most), ends)
        return _distinct(known[inner], timeline.product[place], timeline.time[place], before, most)

    def read(
        self, user: Int32, before: Int64, row: Int64, query: Int32, categories: CategoryLists, settings: UserSettings
    ) -> tuple[tuple[History, ...], Profile, History]:
        """Read what requests need of their users' pasts, in one pass.

        A request's history is the latest `attention_length` distinct products in its query's categories. A profile is the whole past, or
        `profile_length` interactions at even distances over it: such a sample holds each brand in proportion to the interactions with it,
        at a cost that does not grow with the past.

        The settings say how much is read, and what not at all; the categories select the histories.

        Shapes:
            - user: int32 [m], -1 for none
            - before: int64 [m], µs
            - row: int64 [n], the user of each request
            - query: int32 [n], rows of `categories`, -1 for one without categories
            - returns: m rows of latest interactions for each kind, m rows of profiles, n rows of histories
        """
        known, as_of, length = np.flatnonzero(user >= 0), before[row], settings.sequence_length
        kinds: Sequence[str | None] = () if not length else self._actions if settings.by_action else (None,)
        own = user[known].astype(np.int64)
        parts: list[tuple[_Timeline, Int64, Int64, Int64, int]] = [(self._timelines[kind], known, own, before, length) for kind in kinds]
        parts.append((self._groups, *self._groups_of(user[row], query, categories), as_of, self._most_read))
        found = []
        for timeline, owner, line, time, most in parts:
            starts = timeline.indptr[line]
            ends = bisect_rows(timeline.time, starts, timeline.indptr[line + 1], time[owner])
            inner, place = expand_ranges(np.maximum(starts, ends - most), ends)
            found.append((owner[inner], timeline.product[place], timeline.time[place]))
        whole, read = self._timelines[None], len(known) if settings.brands else 0
        known, starts = known[:read], whole.indptr[own[:read]]
        count = bisect_rows(whole.time, starts, whole.indptr[own[:read] + 1], before[known]) - starts
        size = np.minimum(count, settings.profile_length)
        inner, place = expand_ranges(np.zeros_like(size), size)
        # The middles of `size` equal parts of the past.
        interaction = starts[inner] + (2 * place + 1) * count[inner] // (2 * size[inner])
        indptr = np.cumsum(np.r_[0, np.bincount(known[inner], minlength=len(user))])
        recent = tuple(_distinct(*latest, before, length) for latest in found[:-1])
        return recent, Profile(indptr, whole.product[interaction]), _distinct(*found[-1], as_of, settings.attention_length)

    def _groups_of(self, user: Int32, query: Int32, categories: CategoryLists) -> tuple[Int64, Int64]:
        """Find the users' interactions in the queries' categories: the request and the group of each, int64 [found]."""
        known = np.flatnonzero((user >= 0) & (query >= 0))
        inner, place = expand_ranges(categories.indptr[query[known]], categories.indptr[query[known] + 1])
        request = known[inner]
        key = user[request].astype(np.int64) * (self._num_categories + 1) + categories.category[place] + 1
        group = find_keys(self._group_keys, key)
        return request[group >= 0], group[group >= 0]


@dataclass(frozen=True)
class _Timeline:
    """Interactions of every user, or of every user in each category, in time order; line l is `indptr[l]` to `indptr[l + 1]`."""

    indptr: Int64
    product: Int32
    time: Int64

    @classmethod
    def of(cls, csr: Csr) -> _Timeline:
        assert csr.time is not None
        return cls(csr.indptr, csr.index, csr.time)


def _chronicle(kinds: Sequence[_Timeline], num_users: int) -> _Timeline:
    """Join timelines of several kinds of interactions."""
    if len(kinds) == 1:
        return kinds[0]
    user = np.concatenate([np.repeat(np.arange(num_users, dtype=np.int32), np.diff(kind.indptr)) for kind in kinds])
    time, product = np.concatenate([kind.time for kind in kinds]), np.concatenate([kind.product for kind in kinds])
    order = np.lexsort((time, user))
    indptr = np.cumsum(np.r_[0, np.bincount(user, minlength=num_users)])
    return _Timeline(indptr, product[order], time[order])


def _distinct(row: Int64, product: Int32, time: Int64, before: Int64, most: int) -> History:
    """Merge repeats of a product in a row, order by the last interaction, keep the latest."""
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
    indptr = np.cumsum(np.r_[0, np.bincount(row, minlength=num_rows)])
    total = np.bincount(row, weights=count, minlength=num_rows)
    days = (before[row] - last) / _DAY
    features = np.stack([np.log(count), np.log1p(np.maximum(days, 0)), count / np.maximum(total[row], 1)], axis=1).astype(np.float32)
    return History(indptr, product.astype(np.int32), features, count.astype(np.int32), last, np.expm1(features[:, 1]))
