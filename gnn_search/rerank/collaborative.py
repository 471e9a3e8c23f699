"""What shoppers of like taste choose: a factorisation of who chose what, for products that a shopper never chose herself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import svds

from gnn_search.graph.csr import Float32, Int64
from gnn_search.rerank.interactions import Interactions

Float64 = npt.NDArray[np.float64]

_NEGLIGIBLE = 1e-6
"""Singular values below this share of the largest are noise."""
_PAIRS = 1 << 18


@dataclass(frozen=True)
class CollaborativeFactors:
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
    def of(cls, own: Interactions, num_products: int, ranks: Sequence[int]) -> CollaborativeFactors:
        """Decompose who chose what, in a few dozen passes over the choices.

        Args:
            own: Choices of shoppers.
            num_products: Products.
            ranks: How many of the largest singular values are used, ascending; two numbers of a pair come from each.
        """
        return cls(*_decompose(own, num_products, max(ranks, default=0)), tuple(ranks))

    def of_users(self, own: Interactions, rarity: Float64) -> CollaborativeFactors:
        """Return the same products beside other shoppers, whose rows are projected onto the products' vectors.

        For a shopper of the graph that gives the vector that the decomposition did.

        Args:
            own: What the other shoppers chose.
            rarity: `product_rarity` of the choices that were decomposed.

        Shapes:
            rarity: float64 [products].
        """
        chosen, column = np.unique(own.column, return_inverse=True)
        few = sparse.csr_matrix((_entries(own, rarity), column, own.indptr), shape=(len(own.indptr) - 1, len(chosen)))
        other = replace(self, user=np.asarray(few @ self.product[chosen].astype(np.float64), dtype=np.float32))
        # Where a cached property keeps its value: the products are the same.
        vars(other)["_lengths"] = self._lengths
        return other

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


def _decompose(own: Interactions, num_products: int, rank: int) -> tuple[Float32, Float32]:
    """Return `CollaborativeFactors.user` and `CollaborativeFactors.product`."""
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


def product_rarity(own: Interactions, num_products: int) -> Float64:
    """Return the inverse document frequency of each product among the shoppers: float64 [products]."""
    return np.asarray(np.log(len(own.indptr) / (np.bincount(own.column, minlength=num_products) + 1)))


def _weighted(own: Interactions, num_products: int) -> sparse.csr_matrix:
    entry = _entries(own, product_rarity(own, num_products))
    return sparse.csr_matrix((entry, own.column, own.indptr), shape=(len(own.indptr) - 1, num_products))


def _entries(own: Interactions, rarity: Float64) -> Float64:
    """Return the entry of each pair, rows of unit length: float64 [pairs]."""
    entry = np.log1p(own.count.astype(np.float64)) * rarity[own.column]
    length = np.sqrt(np.bincount(own.row, weights=entry**2, minlength=len(own.indptr) - 1))
    entry /= np.maximum(length[own.row], np.finfo(np.float64).tiny)
    return entry
