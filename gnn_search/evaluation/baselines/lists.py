"""Cut, join and score padded lists of products, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn_search.retrieval.ranking import PADDING, Ranking


def first_of_each(indptr: NDArray[np.int64], product: NDArray[np.int32], row: NDArray[np.int32], k: int) -> NDArray[np.int32]:
    """Take the first `k` products of some rows of a ragged array.

    Shapes:
        - indptr: int64 [rows + 1]
        - product: int32 [entries]
        - row: int32 [lists], a negative row is empty
        - returns: int32 [lists, k]
    """
    lists = np.full((len(row), k), PADDING, dtype=np.int32)
    if len(product) == 0:
        return lists
    inside = np.maximum(row, 0)
    place = indptr[inside][:, None] + np.arange(k)
    filled = (place < indptr[inside + 1][:, None]) & (row >= 0)[:, None]
    lists[filled] = product[place[filled]]
    return lists


def join_lists(first: NDArray[np.int32], second: NDArray[np.int32], k: int) -> NDArray[np.int32]:
    """Append each list of `second` to that of `first`, drop duplicates, and keep `k`.

    Shapes:
        - first: int32 [lists, a]
        - second: int32 [lists, b]
        - returns: int32 [lists, k], padding at the end
    """
    both = np.concatenate([first, second], axis=1)
    order = np.argsort(both, axis=1, kind="stable")
    ordered = np.take_along_axis(both, order, axis=1)
    again = np.zeros(both.shape, dtype=np.bool_)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    keep = np.empty(both.shape, dtype=np.bool_)
    np.put_along_axis(keep, order, ~again, axis=1)
    keep &= both != PADDING
    place = np.cumsum(keep, axis=1) - 1
    keep &= place < k
    joined = np.full((len(both), k), PADDING, dtype=np.int32)
    row, column = np.nonzero(keep)
    joined[row, place[row, column]] = both[row, column]
    return joined


def ranking_of(product: NDArray[np.int32]) -> Ranking:
    """Score lists by the reciprocal of the rank, for orders that come from several keys and have no score of their own."""
    rank = np.arange(1, product.shape[1] + 1, dtype=np.float32)
    score = np.where(product == PADDING, np.float32(-np.inf), np.float32(1) / rank)
    return Ranking(product, score.astype(np.float32))
