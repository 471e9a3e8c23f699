"""What shoppers of like taste choose: a factorisation of who chose what, for products that a shopper never chose herself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from gnn_search.graph.csr import Float32, Int64
from gnn_search.sampling.walk.evidence import Evidence

_NEGLIGIBLE = 1e-6
"""Singular values below this share of the largest are noise."""
_PAIRS = 1 << 18


@dataclass(frozen=True)
class Factors:
    """Truncated singular vectors of the matrix of shoppers and products (PureSVD, Cremonesi, Koren and Turrin, RecSys 2010).

    An entry is the logarithm of how often the shopper chose the product, times the product's inverse document frequency; rows have unit
    length. `user` carries the singular values. A shopper without a choice and a product that nobody chose are zero.

    Shapes:
        user: float32 [users, rank]; product: float32 [products, rank], rank = the last of `ranks`.
    """

    user: Float32
    product: Float32
    ranks: tuple[int, ...]

    @classmethod
    def of(cls, own: Evidence, num_products: int, ranks: Sequence[int]) -> Factors:
        """Decompose who chose what, in a few dozen passes over the choices.

        Args:
            own: Choices of shoppers.
            num_products: Products.
            ranks: How many of the largest singular values are used, ascending; two numbers of a pair come from each.
        """
        return cls(*_decompose(own, num_products, max(ranks, default=0)), tuple(ranks))

    def columns(self, user: Int64, product: Int64) -> list[Float32]:
        """Describe pairs: for each rank the reconstructed entry, and the same with the product's vector at unit length.

        Both are 0 for nobody.

        Shapes:
            user, product: int64 [pairs], a user of -1 is nobody. Returns 2 * ranks columns, float32 [pairs].
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


def _decompose(own: Evidence, num_products: int, rank: int) -> tuple[Float32, Float32]:
    """Return `Factors.user` and `Factors.product`."""
    num_users = len(own.indptr) - 1
    user = np.zeros((num_users, rank), dtype=np.float32)
    product = np.zeros((num_products, rank), dtype=np.float32)
    matrix = _weighted(own, num_products)
    kept = min(rank, min(matrix.shape) - 1)
    if kept < 1 or not matrix.count_nonzero():
        return user, product
    # A fixed start, so that the same choices give the same numbers.
    start = np.random.default_rng(0).random(min(matrix.shape))
    left, value, right = svds(matrix, k=kept, v0=start)
    order = np.argsort(-value, kind="stable")
    order = order[value[order] > _NEGLIGIBLE * value.max()]
    user[:, : len(order)] = left[:, order] * value[order]
    product[:, : len(order)] = right[order].T
    product[np.bincount(own.column, minlength=num_products) == 0] = 0
    user[np.diff(own.indptr) == 0] = 0
    return user, product


def _weighted(own: Evidence, num_products: int) -> sparse.csr_matrix:
    num_users = len(own.indptr) - 1
    choosers = np.bincount(own.column, minlength=num_products)
    rarity = np.log((num_users + 1) / (choosers[own.column] + 1))
    entry = np.log1p(own.count.astype(np.float64)) * rarity
    length = np.sqrt(np.bincount(own.row, weights=entry**2, minlength=num_users))
    entry /= np.maximum(length[own.row], np.finfo(np.float64).tiny)
    return sparse.csr_matrix((entry, own.column, own.indptr), shape=(num_users, num_products))
