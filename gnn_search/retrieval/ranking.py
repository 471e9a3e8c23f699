"""Ranked lists, and what makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import polars as pl

from gnn_search.arrays import PADDING, Float32, Float64, Int32, Int64
from gnn_search.index.base import ProductIndex

if TYPE_CHECKING:
    from gnn_search.retrieval.request_encoder import EncodedRequests


@dataclass(frozen=True, eq=False)
class Ranking:
    """The best products of some requests, best first.

    Shapes:
        - product: int32 [requests, k], each row without repeats, `PADDING` after its last product
        - score: float32 [requests, k], never rising along a row, minus infinity where the product is padding
        - ranks: int32 [requests, k] by fused channel: the rank at which it found the product, from 1, or 0; empty in lists of one channel
    """

    product: Int32
    score: Float32
    ranks: Mapping[str, Int32] = field(default_factory=dict)


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


def best_products(requests: int, k: int, row: Int64, product: Int32, score: Float64) -> tuple[Int32, Float32, tuple[Int64, Int64]]:
    """Take the k best products of each request, equal scores by product number.

    Returns:
        Products, scores, and which of the n were taken, with the place of each in its list.

    Shapes:
        - row, product, score: [n], the request, the product and its score
        - returns: int32 [requests, k] and float32 [requests, k]; int64 [taken] each
    """
    # Lists hold float32; equal there is equal here.
    kept = score.astype(np.float32)
    order = np.lexsort((product, -kept, row))
    place = np.arange(len(order)) - np.searchsorted(row[order], np.arange(requests))[row[order]]
    order, place = order[place < k], place[place < k]
    products = np.full((requests, k), PADDING, dtype=np.int32)
    scores = np.full((requests, k), -np.inf, dtype=np.float32)
    products[row[order], place], scores[row[order], place] = product[order], kept[order]
    return products, scores, (order, place)


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

        Shapes:
            - user, query: int32 [requests], nodes; -1 for a user nobody knows
            - returns: lists of `k`; the same request gets the same list whatever the others in the call
        """
        ...


@runtime_checkable
class TextCaseRanker(CaseRanker, Protocol):
    """A method of evaluation that answers any text, not the graph's queries alone."""

    def rank_texts(self, user: Int32, texts: pl.Series, k: int) -> Ranking:
        """Rank products for texts as if they had just been typed.

        Shapes:
            - user: int32 [requests], nodes; -1 for a user nobody knows
            - texts: String [requests], normalised
            - returns: lists of `k`, as `rank` returns them
        """
        ...
