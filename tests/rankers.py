"""Rankers for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_search.retrieval.ranking import Ranking


class Fixed:
    """Gives everyone the same list."""

    def __init__(self, products: Sequence[int], name: str = "fixed") -> None:
        self.name, self.products = name, np.array(products, dtype=np.int32)

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """See `CaseRanker.rank`."""
        row = np.full(k, -1, dtype=np.int32)
        row[: len(self.products)] = self.products[:k]
        return Ranking(np.tile(row, (len(user), 1)), np.zeros((len(user), k), dtype=np.float32))
