"""Ranked lists, and what makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from gnn_search.arrays import Int32
from gnn_search.index.base import ProductIndex

if TYPE_CHECKING:
    from gnn_search.retrieval.request_encoder import EncodedRequests

PADDING = -1
"""The product number of an empty place at the end of a list."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The best products of some requests, best first.

    Shapes:
        - product: int32 [requests, k], each row without repeats, `PADDING` after its last product
        - score: float32 [requests, k], never rising along a row, minus infinity where the product is padding
        - ranks: int32 [requests, k] by fused channel: the rank at which it found the product, from 1, or 0; empty in lists of one channel
    """

    product: NDArray[np.int32]
    score: NDArray[np.float32]
    ranks: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)


def empty_ranking(requests: int, k: int) -> Ranking:
    """Return lists of k places that hold nothing yet."""
    return Ranking(np.full((requests, k), PADDING, dtype=np.int32), np.full((requests, k), -np.inf, dtype=np.float32))


def padded(ranking: Ranking, k: int) -> Ranking:
    """Lengthen lists to k places, the further ones empty."""
    rows, places = ranking.product.shape
    if places >= k:
        return ranking
    longer = empty_ranking(rows, k)
    longer.product[:, :places], longer.score[:, :places] = ranking.product, ranking.score
    return longer


class Ranker(Protocol):
    """Ranks products for encoded requests, and does nothing else."""

    @property
    def index(self) -> ProductIndex:
        """The products' vectors; row i is product i of the lists."""
        ...

    def rank(self, requests: EncodedRequests, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank products for requests.

        Args:
            requests: The requests.
            k: Length of the lists, at most the size of the catalogue; they hold less where fewer products are allowed or found.
            allowed: The only products wanted, ascending and distinct; None for all.

        Shapes:
            - allowed: int32 [m]
            - returns: lists of k; the same request gets the same list whatever the others in the call
        """
        ...


class CaseRanker(Protocol):
    """A method that evaluation compares: it ranks the whole catalogue for users and queries of the graph."""

    name: str

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """Rank products for pairs of user and query.

        Args:
            user: Nodes; -1 is a user nobody knows.
            query: Nodes.
            k: Length of the lists, at most the size of the catalogue.

        Shapes:
            - user, query: int32 [requests]
            - returns: lists of `k`; the same request gets the same list whatever the others in the call
        """
        ...
