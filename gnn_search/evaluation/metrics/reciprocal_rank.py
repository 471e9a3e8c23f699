"""Reciprocal rank: how far up the first chosen product stands."""

from __future__ import annotations

import numpy as np

from gnn_search.evaluation.metrics.hits import Float64, Hits


def reciprocal_rank(hits: Hits, k: int) -> Float64:
    """Return 1 / the first place that holds a chosen product, 0 where none of the first `k` does; its mean is MRR: float64[cases]."""
    values = np.zeros(len(hits.relevant))
    first = np.flatnonzero(np.diff(hits.case, prepend=-1))  # hits stand in the order of their places
    first = first[hits.place[first] <= k]
    values[hits.case[first]] = 1 / hits.place[first]
    return values
