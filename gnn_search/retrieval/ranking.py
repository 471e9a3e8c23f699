"""What every way of ranking products takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PADDING = -1
"""The product number of an empty place at the end of a list."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The best products of some requests, best first.

    Shapes:
        product: int32[requests, k], each row without repeats, `PADDING` after its last product.
        score: float32[requests, k], never rising along a row, minus infinity where the product is padding.
        ranks: int32[requests, k] of each channel that was fused, by name: the rank at which it found the product, from 1, 0 where it did
            not; empty in lists of one channel.
    """

    product: NDArray[np.int32]
    score: NDArray[np.float32]
    ranks: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)


def padded(ranking: Ranking, k: int) -> Ranking:
    """Lengthen lists to k places, the further ones empty."""
    rows, places = ranking.product.shape
    if places >= k:
        return ranking
    product = np.full((rows, k), PADDING, dtype=np.int32)
    score = np.full((rows, k), -np.inf, dtype=np.float32)
    product[:, :places], score[:, :places] = ranking.product, ranking.score
    return Ranking(product, score)


class Ranker(Protocol):
    """A way of ranking the whole catalogue."""

    name: str

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """Rank products for pairs of shopper and query.

        Args:
            user: int32[requests], node numbers; -1 is a shopper nobody knows.
            query: int32[requests], node numbers.
            k: Length of the lists, at most the size of the catalogue.

        Returns:
            Lists of `k` places; the same request gets the same list whatever the others in the call.
        """
        ...
