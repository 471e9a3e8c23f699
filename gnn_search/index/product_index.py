"""What every index of products offers, exact or approximate."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32, Int32

Allowed = npt.NDArray[np.bool_] | npt.NDArray[np.integer]
"""Which rows a search may find: bool [rows], or numbers of rows."""


class ProductIndex(Protocol):
    """Products that are searched by inner product.

    A product's row is its place in the order in which products came in, and stays so: a removed product leaves its row empty.

    Attributes:
        ids: The shop's id of each row, null for a removed product; None where the index was made without ids.
    """

    ids: pl.Series | None

    @property
    def count(self) -> int:
        """Products that can be found."""

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""

    def search(self, queries: Float32, k: int, allowed: Allowed | None = None) -> tuple[Float32, Int32]:
        """Find each query's products with the largest inner products, best first, ties by the lower row.

        Args:
            queries: What is asked; a zero vector scores 0 with every product, so it gets the first rows.
            k: Length of the lists.
            allowed: The rows that may be found; None for all.

        Shapes:
            queries: float32 [m, d]. Returns score float32 [m, k] and row int32 [m, k], with -inf and -1 at places that stay empty.

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue, or `allowed` names rows that are not there.
        """


def check_k(k: int, count: int) -> None:
    """Refuse a list that can't be filled.

    Raises:
        RequestError: `k` is no whole number, below 1 or larger than the catalogue.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise RequestError(f"k is {k!r}; give the number of products wanted as a whole number")
    if k < 1:
        raise RequestError(f"k is {k}; give the number of products wanted, at least 1")
    if k > count:
        raise RequestError(f"k is {k}, larger than the catalogue of {count} products; give at most {count}")
