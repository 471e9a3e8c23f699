"""Collaborative factors: products that similar users interact with, for those that a user never has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from gnn_search.arrays import Float32, Float64, Int64
from gnn_search.rerank.interactions import Interactions

_NEGLIGIBLE = 1e-6
"""Singular values below this share of the largest are noise."""
_PAIRS = 1 << 18


@dataclass(frozen=True)
class CollaborativeFactors:
    """Truncated singular vectors of the matrix of users and products (PureSVD, Cremonesi, Koren and Turrin, RecSys 2010).

    An entry is the logarithm of how often the user interacted with the product, times the product's inverse document frequency; rows have
    unit length. `user` carries the singular values. A user without interactions and a product without them are zero.

    Shapes:
        - user: float32 [users, rank], rank = the last of `ranks`
        - product: float32 [products, rank]
    """

    user: Float32
    product: Float32
    ranks: tuple[int, ...]

    @classmethod
    def decompose(cls, interactions: Interactions, num_products: int, ranks: Sequence[int]) -> CollaborativeFactors:
        """Decompose users' interactions, in a few dozen passes over them; two numbers of a pair come from each of the ascending `ranks`."""
        rank, num_users = max(ranks, default=0), len(interactions.indptr) - 1
        user = np.zeros((num_users, rank), dtype=np.float32)
        product = np.zeros((num_products, rank), dtype=np.float32)
        entry = _entries(interactions, product_rarity(interactions, num_products))
        matrix = sparse.csr_matrix((entry, interactions.column, interactions.indptr), shape=(num_users, num_products))
        kept = min(rank, min(matrix.shape) - 1)
        if kept >= 1 and matrix.count_nonzero():
            # A fixed start, so that the same interactions give the same numbers.
            start = np.random.default_rng(0).random(min(matrix.shape))
            left, value, right = svds(matrix, k=kept, v0=start)
            order = np.argsort(-value, kind="stable")
            order = order[value[order] > _NEGLIGIBLE * value.max()]
            user[:, : len(order)] = left[:, order] * value[order]
            product[:, : len(order)] = right[order].T
            product[np.bincount(interactions.column, minlength=num_products) == 0] = 0
            user[np.diff(interactions.indptr) == 0] = 0
        return cls(user, product, tuple(ranks))

    def for_users(self, interactions: Interactions, rarity: Float64) -> CollaborativeFactors:
        """Return the same products beside other users, whose rows are projected onto the products' vectors.

        For a user of the graph that gives the vector that the decomposition did.

        Shapes:
            - rarity: float64 [products], `product_rarity` of the interactions that were decomposed
        """
        distinct, column = np.unique(interactions.column, return_inverse=True)
        few = sparse.csr_matrix(
            (_entries(interactions, rarity), column, interactions.indptr), shape=(len(interactions.indptr) - 1, len(distinct))
        )
        other = replace(self, user=np.asarray(few @ self.product[distinct].astype(np.float64), dtype=np.float32))
        # Where a cached property keeps its value: the products are the same.
        vars(other)["_lengths"] = self._lengths
        return other

    def columns(self, user: Int64, product: Int64) -> list[Float32]:
        """Describe pairs: for each rank the reconstructed entry, and the same with the product's vector at unit length.

        Both are 0 for nobody.

        Shapes:
            - user, product: int64 [pairs], a user of -1 is nobody
            - returns: 2 * ranks columns, float32 [pairs]
        """
        found = np.zeros((2 * len(self.ranks), len(user)), dtype=np.float32)
        known = np.flatnonzero(user >= 0) if self.ranks and len(self.user) else np.empty(0, np.int64)
        for start in range(0, len(known), _PAIRS):
            pair = known[start : start + _PAIRS]
            vector = self.product[product[pair]]
            parts = self.user[user[pair]] * vector
            for place, rank in enumerate(self.ranks):
                entry, length = parts[:, :rank].sum(axis=1), self._lengths[place][product[pair]]
                found[2 * place, pair] = entry
                found[2 * place + 1, pair] = np.divide(entry, length, out=np.zeros_like(entry), where=length > 0)
        return list(found)

    @cached_property
    def _lengths(self) -> list[Float32]:
        """Lengths of the products' vectors, float32 [products] a rank."""
        return [np.linalg.norm(self.product[:, :rank], axis=1) for rank in self.ranks]


def product_rarity(interactions: Interactions, num_products: int) -> Float64:
    """Return the inverse document frequency of each product among the users: float64 [products]."""
    return np.asarray(np.log(len(interactions.indptr) / (np.bincount(interactions.column, minlength=num_products) + 1)))


def _entries(interactions: Interactions, rarity: Float64) -> Float64:
    """Return the entry of each pair, rows of unit length: float64 [pairs]."""
    entry = np.log1p(interactions.count.astype(np.float64)) * rarity[interactions.column]
    length = np.sqrt(np.bincount(interactions.row, weights=entry**2, minlength=len(interactions.indptr) - 1))
    entry /= np.maximum(length[interactions.row], np.finfo(np.float64).tiny)
    return entry
