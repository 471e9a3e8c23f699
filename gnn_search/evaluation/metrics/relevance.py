"""Relevance metrics of ranked lists, one short function each.

R is the set of a case's relevant products, and r_i is 1 where place i of its list holds one of them, else 0. Each metric takes the hits of
all cases and a cut-off k and returns one value a case, float64 [cases]. To add one, write its function and name it in `RELEVANCE_METRICS`:
evaluations, comparisons, run folders and the report then have it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gnn_search.arrays import Float64, Int64
from gnn_search.evaluation.metrics.hits import Hits, divide


def recall(hits: Hits, k: int) -> Float64:
    """Return the share of the relevant products that stand in the first `k` places: sum over i <= k of r_i / |R|."""
    return divide(hits.sum_by_case(None, k), hits.relevant)


def precision(hits: Hits, k: int) -> Float64:
    """Return the share of the first `k` places that hold a relevant product, sum over i <= k of r_i / k, also where a list is shorter."""
    return hits.sum_by_case(None, k) / k


def hit_rate(hits: Hits, k: int) -> Float64:
    """Return 1 where the first `k` places hold a relevant product, else 0."""
    return np.minimum(hits.sum_by_case(None, k), 1.0)


def reciprocal_rank(hits: Hits, k: int) -> Float64:
    """Return 1 / the first place with a relevant product, 0 where none of the first `k` has one; its mean is MRR."""
    values = np.zeros(len(hits.relevant))
    first = np.flatnonzero(np.diff(hits.case, prepend=-1))  # hits stand in the order of their places
    first = first[hits.place[first] <= k]
    values[hits.case[first]] = 1 / hits.place[first]
    return values


def average_precision(hits: Hits, k: int) -> Float64:
    """Return sum over i <= k of r_i * precision@i / |R|; its mean is MAP.

    As in trec_eval, |R| counts all relevant products, also those for which a list of `k` has no place.
    """
    first = np.flatnonzero(np.diff(hits.case, prepend=-1))
    sizes = np.diff(np.append(first, len(hits.case)))
    found = np.arange(1, len(hits.case) + 1) - np.repeat(first, sizes)
    return divide(hits.sum_by_case(found / hits.place, k), hits.relevant)


def ndcg(hits: Hits, k: int) -> Float64:
    """Return sum over i <= k of r_i / log2(i + 1), divided by that of the best list (Järvelin and Kekäläinen, 2002)."""
    best = np.concatenate([[0.0], np.cumsum(_discount(np.arange(1, k + 1)))])
    return divide(hits.sum_by_case(_discount(hits.place), k), best[np.minimum(hits.relevant, k)])


RELEVANCE_METRICS: dict[str, Callable[[Hits, int], Float64]] = {
    "recall": recall,
    "precision": precision,
    "ndcg": ndcg,
    "mrr": reciprocal_rank,
    "map": average_precision,
    "hit_rate": hit_rate,
}
"""Metrics that every shop has, by the name under which results and tables show them."""


def graded_ndcg(hits: Hits, k: int, grade: Float64, best: Float64) -> Float64:
    """Return NDCG with the grade of a product in place of r_i; the gain is the grade itself, not 2 ** grade - 1, as in trec_eval.

    Shapes:
        - grade: float64 [rows]
        - best: float64 [cases], `best_gain` at this cut-off
    """
    return divide(hits.sum_by_case(grade[hits.row] * _discount(hits.place), k), best)


def best_gain(case: Int64, grade: Float64, k: int, num_cases: int) -> Float64:
    """Return the discounted gain of each case's best list, which has the highest grades first: float64 [cases].

    Shapes:
        - case: int64 [rows], ascending
        - grade: float64 [rows]
    """
    order = np.lexsort((-grade, case))
    place = np.arange(1, len(case) + 1) - np.searchsorted(case, case)
    inside = place <= k
    gain = grade[order] * _discount(place)
    return np.bincount(case[inside], weights=gain[inside], minlength=num_cases).astype(np.float64)


def _discount(place: Int64) -> Float64:
    return np.asarray(1 / np.log2(place + 1.0))
