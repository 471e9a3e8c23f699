"""Precision and recall of lists that end at a score."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import PADDING, Float64
from gnn_search.evaluation.metrics.hits import find_places
from gnn_search.evaluation.result import Estimate, ThresholdScore
from gnn_search.evaluation.run import rank_blocks
from gnn_search.evaluation.significance import Bootstrap, clusters_of, percentile_interval, sum_by_cluster
from gnn_search.graph.cases import Cases
from gnn_search.retrieval.ranking import CaseRanker
from gnn_search.retrieval.threshold import MinScoreCaseRanker


def score_at_threshold(
    cases: Cases, ranker: CaseRanker, min_score: float, k: int, num_products: int, n_resamples: int = 1000, seed: int = 0
) -> ThresholdScore:
    """Measure a ranker's lists of at most `k` products that score at least `min_score`.

    Precision is the share of all listed products that are relevant, over all cases together; recall is the mean over the cases of the share
    of their relevant products that is listed. Intervals are 95 % bootstrap intervals over users.
    """
    found, listed = _count(cases, MinScoreCaseRanker(ranker, min_score), k, num_products)
    columns = np.stack([found, listed, found / np.diff(cases.indptr), np.ones(len(cases))], axis=1)
    totals = sum_by_cluster(clusters_of(cases.user), columns)
    drawn = Bootstrap(len(totals), n_resamples, seed).totals(totals)
    whole = columns.sum(axis=0)
    return ThresholdScore(
        method=ranker.name,
        min_score=min_score,
        k=k,
        precision=_ratio(whole[0], whole[1], drawn[:, 0], drawn[:, 1], int(np.count_nonzero(listed))),
        recall=_ratio(whole[2], whole[3], drawn[:, 2], drawn[:, 3], len(cases)),
        listed=float(listed.mean()),
        empty=float(np.mean(listed == 0)),
    )


def _count(cases: Cases, ranker: CaseRanker, k: int, num_products: int) -> tuple[Float64, Float64]:
    """Return how many relevant products, and how many at all, the list of each case holds: float64 [cases] each."""
    case_of_row = cases.case_of_row()
    found, listed = np.zeros(len(cases)), np.zeros(len(cases))
    for case, product in rank_blocks(cases, ranker, k, num_products):
        row, place = find_places(product, case, cases)
        found += np.bincount(case_of_row[row[place > 0]], minlength=len(cases))
        listed[case] = np.count_nonzero(product != PADDING, axis=1)
    return found, listed


def _ratio(top: float, bottom: float, tops: Float64, bottoms: Float64, cases: int) -> Estimate | None:
    """Return a ratio of sums with its interval; None where nothing is listed."""
    if not bottom:
        return None
    shares = np.divide(tops, bottoms, out=np.full_like(tops, np.nan), where=bottoms > 0)
    low, high = percentile_interval(shares)
    return Estimate(mean=float(top / bottom), low=float(low), high=float(high), cases=cases)
