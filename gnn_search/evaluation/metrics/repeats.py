"""Repeats: how much of a list its shopper had chosen before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.hits import Float64, share
from gnn_search.graph.pairs import count_interactions
from gnn_search.graph.store import GraphView


class Repeats:
    """Measures the share of a list's products that the shopper had chosen before, for whatever query.

    Args:
        view: What is known.
    """

    def __init__(self, view: GraphView) -> None:
        self._chosen = count_interactions(view)

    def measure(self, product: NDArray[np.int32], user: NDArray[np.int32]) -> Float64:
        """Return the share of each list, NaN for an empty one and for a shopper nobody knows.

        Shapes:
            product: int32[lists, k], -1 is padding; user: int32[lists], -1 where unknown; returns float64[lists].
        """
        listed = product >= 0
        sizes = listed.sum(axis=1)
        known = (self._chosen.find(user[:, None], np.maximum(product, 0)) >= 0) & listed
        return np.where((sizes > 0) & (user >= 0), share(known.sum(axis=1).astype(np.float64), sizes), np.nan)
