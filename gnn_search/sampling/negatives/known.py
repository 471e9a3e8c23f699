"""The products that are known to be right, so that none of them is taught as wrong."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Bool, Int32, Int64, expand_ranges, find_keys, sorted_unique
from gnn_search.config.negatives import Mask


class KnownPositives:
    """Exact look-up of known positives by sorted keys.

    Rule `query`: the positives of anyone for the query. Rule `user_query`: those of this user for it; anonymous events count as one user's.

    Shapes:
        - user, query, product: int32 [events], positives of training; a user of -1 is nobody
    """

    def __init__(self, rule: Mask, user: Int32, query: Int32, product: Int32, num_queries: int, num_products: int) -> None:
        self.rule = rule
        self._num_queries = num_queries
        self._num_products = num_products
        owner = self._owner_of(user, query)
        self._owners = sorted_unique(owner)
        self._keys = sorted_unique(np.searchsorted(self._owners, owner) * num_products + product)

    def contains(self, user: Int32, query: Int32, product: Int32) -> Bool:
        """Say which products are known to be right for their (user, query).

        Shapes:
            - user, query: int32 [n]
            - product: int32 [n] or [n, k]
            - Returns bool like `product`
        """
        place = self._place(user, query).reshape(-1, *[1] * (product.ndim - 1))
        return find_keys(self._keys, place * self._num_products + product) >= 0

    def has_positives(self, user: Int32, query: Int32) -> Bool:
        """Say of which (user, query) any product is known to be right: bool [n]."""
        return self._place(user, query) >= 0

    def among(self, user: Int32, query: Int32, candidates: Int32) -> tuple[Int64, Int64]:
        """Return all (row, column) such that candidates[column] is known to be right for row.

        Shapes:
            - user, query: int32 [n]
            - candidates: int32 [m], distinct
            - Returns two int64 [pairs]
        """
        places, inverse = np.unique(self._place(user, query), return_inverse=True)
        first = np.searchsorted(self._keys, places * self._num_products)
        last = np.searchsorted(self._keys, (places + 1) * self._num_products)
        row, position = expand_ranges(first, last)
        column_of = np.full(self._num_products, -1, dtype=np.int64)
        column_of[candidates] = np.arange(len(candidates))
        column = column_of[self._keys[position] - places[row] * self._num_products]
        row, column = row[column >= 0], column[column >= 0]
        bounds = np.searchsorted(row, np.arange(len(places) + 1))
        example, position = expand_ranges(bounds[inverse], bounds[inverse + 1])
        return example, column[position]

    def _owner_of(self, user: Int32, query: Int32) -> Int64:
        if self.rule == "query":
            return query.astype(np.int64)
        return (user.astype(np.int64) + 1) * self._num_queries + query

    def _place(self, user: Int32, query: Int32) -> Int64:
        """Return the place of each (user, query) among those with positives, -1 for others."""
        return find_keys(self._owners, self._owner_of(user, query))
