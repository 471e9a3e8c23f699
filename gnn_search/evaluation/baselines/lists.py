"""Arrays that the baselines share: padded lists of products, and the histories of many users at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnn_search.arrays import PADDING, Int32, Int64, expand_ranges
from gnn_search.graph.pairs import Pairs
from gnn_search.retrieval.ranking import Ranking

HISTORY_ROWS = 1 << 21
"""Products of the histories that are expanded at once."""


def first_of_each(indptr: Int64, product: Int32, row: Int32, k: int) -> Int32:
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


def join_lists(first: Int32, second: Int32, k: int) -> Int32:
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


def ranking_of(product: Int32) -> Ranking:
    """Score lists by the reciprocal of the rank, for orders that come from several keys and have no score of their own."""
    rank = np.arange(1, product.shape[1] + 1, dtype=np.float32)
    score = np.where(product == PADDING, np.float32(-np.inf), np.float32(1) / rank)
    return Ranking(product, score.astype(np.float32))


def history_blocks(interactions: Pairs, user: Int32, block_rows: int = HISTORY_ROWS) -> Iterator[slice]:
    """Cut requests so that the histories of a block hold a bounded number of products; yields at least one block."""
    starts, ends = _ranges(interactions, user)
    total = np.cumsum(ends - starts)
    start = 0
    while start < len(user) or start == 0:
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + block_rows, side="right")))
        yield slice(start, end)
        start = end


def expand_histories(interactions: Pairs, user: Int32) -> tuple[Int64, Int64]:
    """Return the histories of requests: which request, and which of the interactions. An unknown user has none.

    Shapes:
        - user: int32 [requests]
        - returns: two int64 [sum of history sizes], ascending in the request
    """
    return expand_ranges(*_ranges(interactions, user))


def _ranges(interactions: Pairs, user: Int32) -> tuple[Int64, Int64]:
    known = user >= 0
    return interactions.indptr[np.where(known, user, 0)], interactions.indptr[np.where(known, user + 1, 0)]
