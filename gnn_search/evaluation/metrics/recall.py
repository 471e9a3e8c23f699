"""Recall: how much of what was chosen the lists hold."""

from __future__ import annotations

from gnn_search.evaluation.metrics.hits import Float64, Hits, share


def recall(hits: Hits, k: int) -> Float64:
    """Return the share of the chosen products that stand in the first `k` places: float64[cases].

    With R the chosen products and r_i whether place i holds one of them, that is sum over i <= k of r_i / |R|.
    """
    return share(hits.sum_by_case(None, k), hits.relevant)
