"""Rank texts, and look at the categories of what is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gnn_search.arrays import Float64, Int32
from gnn_search.evaluation.robustness.result import MeanInterval
from gnn_search.evaluation.run import BLOCK_CASES
from gnn_search.evaluation.significance import Bootstrap, clusters_of, percentile_interval, sum_by_cluster
from gnn_search.progress import Progress
from gnn_search.retrieval.rankers.build import GRAPH_METHOD, NO_USER_METHOD
from gnn_search.retrieval.ranking import CaseRanker, TextCaseRanker

FIRST_PLACES = 10
"""Places of a list that count."""
_LEFT_OUT = (GRAPH_METHOD, NO_USER_METHOD)
"""Parts of a model that would double the time and say little of words."""


def text_rankers(rankers: Sequence[CaseRanker]) -> list[TextCaseRanker]:
    """Return the methods that answer any text."""
    return [ranker for ranker in rankers if isinstance(ranker, TextCaseRanker) and ranker.name not in _LEFT_OUT]


def rank_texts(ranker: TextCaseRanker, user: Int32, texts: pl.Series, k: int, progress: Progress | None = None) -> Int32:
    """Rank texts block by block, as if they had just been typed.

    Shapes:
        - user: int32 [n], -1 for nobody
        - texts: String [n], normalised
        - Returns int32 [n, k], -1 is padding
    """
    lists = [np.empty((0, k), dtype=np.int32)]
    for start in range(0, len(user), BLOCK_CASES):
        part = slice(start, start + BLOCK_CASES)
        lists.append(ranker.rank_texts(user[part], texts[part], k).product)
        if progress is not None:
            progress(f"{ranker.name}, new words", min(start + BLOCK_CASES, len(user)), len(user))
    return np.concatenate(lists)


class RatioBootstrap:
    """Means and ratios of means with intervals, over users.

    Args:
        user: int32 [n], whose each row is; -1 for a row that is its own.
    """

    def __init__(self, user: Int32, n_resamples: int, seed: int) -> None:
        self._cluster = clusters_of(user)
        self._bootstrap = Bootstrap(int(self._cluster.max()) + 1, n_resamples, seed)

    def estimate(self, top: Float64, bottom: Float64) -> list[MeanInterval | None]:
        """Divide sums by sums.

        Shapes:
            - top, bottom: float64 [n, columns]
            - Returns [columns], None where the sum of the bottom is 0
        """
        width = top.shape[1]
        totals = sum_by_cluster(self._cluster, np.concatenate([top, bottom], axis=1))
        drawn = self._bootstrap.totals(totals)
        ratios = np.divide(drawn[:, :width], drawn[:, width:], out=np.full((len(drawn), width), np.nan), where=drawn[:, width:] > 0)
        found: list[MeanInterval | None] = []
        for column, (above, below) in enumerate(zip(top.sum(axis=0).tolist(), bottom.sum(axis=0).tolist(), strict=True)):
            # A resample without anything below is left out; where all are, the interval is the ratio itself.
            known = ratios[~np.isnan(ratios[:, column]), column]
            if below > 0:
                mean = above / below
                low, high = percentile_interval(known) if len(known) else (mean, mean)
                found.append(MeanInterval(mean=mean, low=float(low), high=float(high)))
            else:
                found.append(None)
        return found
