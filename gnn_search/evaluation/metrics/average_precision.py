"""Average precision: precision at each place that holds a chosen product."""

from __future__ import annotations

import numpy as np

from gnn_search.evaluation.metrics.hits import Float64, Hits, share


def average_precision(hits: Hits, k: int) -> Float64:
    """Return sum over i <= k of r_i * precision@i / |R|; its mean is MAP: float64[cases].

    As in trec_eval all chosen products stand below, also those that a list of `k` has no place for.
    """
    first = np.flatnonzero(np.diff(hits.case, prepend=-1))
    sizes = np.diff(np.append(first, len(hits.case)))
    found = np.arange(1, len(hits.case) + 1) - np.repeat(first, sizes)
    return share(hits.sum_by_case(found / hits.place, k), hits.relevant)
