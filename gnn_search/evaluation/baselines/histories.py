"""Walk through the choices of many shoppers at once, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gnn_search.graph.csr import expand_ranges
from gnn_search.graph.pairs import Pairs

_BLOCK_ROWS = 1 << 21


def history_blocks(choices: Pairs, user: NDArray[np.int32]) -> Iterator[slice]:
    """Cut requests so that the histories of a block hold a bounded number of products; at least one block, be it empty."""
    starts, ends = _ranges(choices, user)
    total = np.cumsum(ends - starts)
    start = 0
    while start < len(user) or start == 0:
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + _BLOCK_ROWS, side="right")))
        yield slice(start, end)
        start = end


def expand_histories(choices: Pairs, user: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write out the histories of requests: which request, and which of the choices. A shopper nobody knows has none.

    Shapes:
        user: int32[requests]. Returns two int64[sum of history sizes], ascending in the request.
    """
    return expand_ranges(*_ranges(choices, user))


def _ranges(choices: Pairs, user: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    known = user >= 0
    return choices.indptr[np.where(known, user, 0)], choices.indptr[np.where(known, user + 1, 0)]
