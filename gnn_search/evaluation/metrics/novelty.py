"""Novelty: how little the products of a list were chosen before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.hits import Float64, share
from gnn_search.graph.store import GraphView


class Novelty:
    """Measures the mean of -log2 p over a list, in bits, p being a product's share of all choices (Zhou et al., 2010).

    Each product counts as chosen once more than it was, so that one that nobody chose has a share too.

    Args:
        view: What is known.
    """

    def __init__(self, view: GraphView) -> None:
        chosen = view.edges(("query", "leads_to", "product")).degree() + 1.0
        self._bits = -np.log2(chosen / chosen.sum())

    def measure(self, product: NDArray[np.int32]) -> Float64:
        """Return the mean novelty of each list, NaN for an empty one.

        Shapes:
            product: int32[lists, k], -1 is padding; returns float64[lists].
        """
        listed = product >= 0
        sizes = listed.sum(axis=1)
        mean = share(np.where(listed, self._bits[product], 0.0).sum(axis=1), sizes)
        return np.where(sizes > 0, mean, np.nan)
