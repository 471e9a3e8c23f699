"""Weights by age."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.model.aggregation import importance, recency
from gnn_search.sampling.neighbours import Neighbours

INDPTR = np.array([0, 3, 3, 5])
AGE = np.array([20, 10, 0, 7, 2], dtype=np.float32)


def test_an_age_of_one_half_life_counts_half():
    assert recency(INDPTR, AGE, 10).tolist() == pytest.approx([0.25, 0.5, 1, 0.5**0.5, 1])
    assert recency(INDPTR, AGE, 5).tolist() == pytest.approx([0.0625, 0.25, 1, 0.5, 1])


def test_the_youngest_of_a_row_counts_whole_however_long_ago_it_was():
    np.testing.assert_allclose(recency(INDPTR, AGE + 10_000, 10), recency(INDPTR, AGE, 10), rtol=1e-3)


def test_nothing_has_no_weights():
    assert recency(np.zeros(4, np.int64), np.empty(0, np.float32), 10).tolist() == []


@pytest.mark.parametrize(("half_life", "expected"), [(None, [1, 2, 3, 4, 5]), (10, [0.25, 1, 3, 4 * 0.5**0.5, 5])])
def test_importance_is_weight_times_recency(half_life, expected):
    drawn = Neighbours(INDPTR, np.zeros(5, np.int32), np.arange(1, 6, dtype=np.float32), AGE, np.zeros(5, np.int64))
    assert importance(drawn, half_life).tolist() == pytest.approx(expected)
