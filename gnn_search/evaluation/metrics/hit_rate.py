"""Hit rate: whether the lists hold anything that was chosen."""

from __future__ import annotations

import numpy as np

from gnn_search.evaluation.metrics.hits import Float64, Hits


def hit_rate(hits: Hits, k: int) -> Float64:
    """Return 1 for a case with a chosen product in the first `k` places, else 0: float64[cases]."""
    return np.minimum(hits.sum_by_case(None, k), 1.0)
