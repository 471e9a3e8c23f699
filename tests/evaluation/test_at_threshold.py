"""Precision and recall at a threshold, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.evaluation.at_threshold import score_at_threshold
from gnn_search.graph.cases import Cases
from gnn_search.retrieval.ranking import Ranking

# Three cases that chose {1, 2}, {3}, {0}.
CASES = Cases(
    user=np.array([0, 0, 1], np.int32),
    query=np.array([0, 1, 2], np.int32),
    indptr=np.array([0, 2, 3, 4]),
    product=np.array([1, 2, 3, 0], np.int32),
    labels=pl.DataFrame(),
    repeat=np.zeros(4, bool),
    time=0,
)
PRODUCT = np.array([[1, 5, 2], [4, 3, 0], [5, 0, 1]], np.int32)
SCORE = np.array([[0.9, 0.8, 0.3], [0.7, 0.6, 0.5], [0.4, 0.2, 0.1]], np.float32)


class Fixed:
    name = "fixed"

    def rank(self, user, query, k):
        return Ranking(PRODUCT[query, :k], SCORE[query, :k])


def measure(least: float, k: int = 3):
    return score_at_threshold(CASES, Fixed(), least, k, 6, n_resamples=200, seed=1)


def test_by_hand():
    """At 0.55 the lists are [1, 5], [4, 3] and nothing: two of four listed were chosen, and a half, all and none of what was chosen."""
    found = measure(0.55)
    assert found.precision is not None
    assert found.recall is not None
    assert found.precision.mean == pytest.approx(2 / 4)
    assert found.recall.mean == pytest.approx((0.5 + 1 + 0) / 3)
    assert (found.precision.cases, found.recall.cases) == (2, 3)
    assert found.listed == pytest.approx(4 / 3)
    assert found.empty == pytest.approx(1 / 3)
    assert (found.method, found.min_score, found.k) == ("fixed", 0.55, 3)
    assert found.recall.low <= found.recall.mean <= found.recall.high


def test_the_longest_list_counts_too():
    found = measure(0.55, k=1)
    assert found.precision is not None
    assert found.precision.mean == pytest.approx(1 / 2)


def test_with_nothing_listed_there_is_no_precision():
    found = measure(0.95)
    assert found.precision is None
    assert found.recall is not None
    assert found.recall.mean == found.listed == 0
    assert found.empty == 1


def test_a_low_threshold_lists_all():
    found = measure(-1.0)
    assert found.precision is not None
    assert found.recall is not None
    assert (found.precision.mean, found.recall.mean, found.listed) == (pytest.approx(4 / 9), 1.0, 3.0)
