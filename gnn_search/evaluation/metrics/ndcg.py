"""Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002), with the gain itself, not 2 ** gain - 1, as in trec_eval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.hits import Float64, Hits, share
from gnn_search.graph.csr import Int64


def ndcg(hits: Hits, k: int) -> Float64:
    """Return sum over i <= k of r_i / log2(i + 1), divided by what the best list would reach: float64[cases]."""
    best = np.concatenate([[0.0], np.cumsum(_discount(np.arange(1, k + 1)))])
    return share(hits.sum_by_case(_discount(hits.place), k), best[np.minimum(hits.relevant, k)])


def graded_ndcg(hits: Hits, k: int, grade: Float64, best: Float64) -> Float64:
    """Return the same with the grade of a product in the place of r_i: float64[cases].

    Args:
        hits: Where the chosen products stand.
        k: Cut-off.
        grade: Of every relevant row, float64[rows].
        best: What the best lists reach, `best_gain` at this cut-off, float64[cases].
    """
    return share(hits.sum_by_case(grade[hits.row] * _discount(hits.place), k), best)


def best_gain(case: Int64, grade: Float64, k: int, num_cases: int) -> Float64:
    """Return the discounted gain of the best list of each case: its highest grades first, cut at `k`, float64[cases].

    Shapes:
        case: int64[rows], ascending; grade: float64[rows].
    """
    order = np.lexsort((-grade, case))
    place = np.arange(1, len(case) + 1) - np.searchsorted(case, case)
    inside = place <= k
    gain = grade[order] * _discount(place)
    return np.bincount(case[inside], weights=gain[inside], minlength=num_cases).astype(np.float64)


def _discount(place: NDArray[np.int64]) -> Float64:
    return np.asarray(1 / np.log2(place + 1.0))
