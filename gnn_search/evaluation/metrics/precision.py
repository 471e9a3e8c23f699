"""Precision: how much of the lists was chosen."""

from __future__ import annotations

from gnn_search.evaluation.metrics.hits import Float64, Hits


def precision(hits: Hits, k: int) -> Float64:
    """Return the share of the first `k` places that hold a chosen product; a short list is divided by `k` too: float64[cases].

    With r_i whether place i holds one, that is sum over i <= k of r_i / k.
    """
    return hits.sum_by_case(None, k) / k
