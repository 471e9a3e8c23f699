"""Expand the histories of many users at once, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gnn_search.graph.csr import expand_ranges
from gnn_search.graph.pairs import Pairs

BLOCK_ROWS = 1 << 21
"""Products of the histories that are expanded at once."""


def history_blocks(interactions: Pairs, user: NDArray[np.int32], block_rows: int = BLOCK_ROWS) -> Iterator[slice]:
    """Cut requests so that the histories of a block hold a bounded number of products; yields at least one block."""
    starts, ends = _ranges(interactions, user)
    total = np.cumsum(ends - starts)
    start = 0
    while start < len(user) or start == 0:
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + block_rows, side="right")))
        yield slice(start, end)
        start = end


def expand_histories(interactions: Pairs, user: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the histories of requests: which request, and which of the interactions. An unknown user has none.

    Shapes:
        - user: int32 [requests]
        - returns: two int64 [sum of history sizes], ascending in the request
    """
    return expand_ranges(*_ranges(interactions, user))


def _ranges(interactions: Pairs, user: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    known = user >= 0
    return interactions.indptr[np.where(known, user, 0)], interactions.indptr[np.where(known, user + 1, 0)]
