from __future__ import annotations

import numpy as np
import pytest

from gnn_search.evaluation.intervals import clusters_of, mean_interval, percentile_interval, resampled_totals


def test_unknown_shoppers_are_clusters_of_their_own():
    cluster = clusters_of(np.array([5, -1, 5, 2, -1], dtype=np.int32))
    assert cluster[0] == cluster[2]
    assert sorted(np.delete(cluster, 2).tolist()) == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_bytes():
    totals = np.random.default_rng(0).random((50, 7))
    first, again, other = (resampled_totals(totals, 100, seed) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_each_draw_holds_as_many_clusters_as_there_are(monkeypatch):
    monkeypatch.setattr("gnn_search.evaluation.intervals._BLOCK_BYTES", 8 * 13 * 7)
    drawn = resampled_totals(np.eye(13), 50, seed=0)
    assert drawn.shape == (50, 13)
    assert (drawn.sum(axis=1) == 13).all()
    assert (drawn == drawn.round()).all()
    assert drawn.std(axis=0).min() > 0


def test_draws_have_the_mean_and_the_spread_of_the_theory():
    totals = np.random.default_rng(0).exponential(size=(200, 1))
    drawn = resampled_totals(totals, 4000, seed=0)
    assert drawn.mean() == pytest.approx(totals.sum(), rel=0.01)
    assert drawn.std() == pytest.approx(np.sqrt(200) * totals.std(), rel=0.05)


def test_mean_and_interval_of_columns():
    values = np.column_stack([np.arange(10.0), np.full(10, 0.25)])
    mean, low, high = mean_interval(values, np.arange(10, dtype=np.int32))
    assert mean.tolist() == [4.5, 0.25]
    assert low[0] < 4.5 < high[0]
    assert (low[1], high[1]) == pytest.approx((0.25, 0.25))


def test_cases_of_one_shopper_do_not_count_as_many():
    """Nine equal cases a shopper tell no more than one."""
    once = np.random.default_rng(1).random((40, 1))
    user = np.arange(40, dtype=np.int32)
    _, low, high = mean_interval(once, user)
    mean, low_9, high_9 = mean_interval(np.repeat(once, 9, axis=0), np.repeat(user, 9))
    assert mean == pytest.approx(once.mean(axis=0))
    assert low_9 == pytest.approx(low)
    assert high_9 == pytest.approx(high)
    _, low_wrong, high_wrong = mean_interval(np.repeat(once, 9, axis=0), np.full(360, -1, dtype=np.int32))
    assert high - low == pytest.approx(3 * (high_wrong - low_wrong), rel=0.2)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(7)
    user = np.repeat(np.arange(60, dtype=np.int32), 5)
    covered = 0
    for seed in range(200):
        values = (random.normal(size=60)[user] + random.normal(size=300))[:, None]
        _, low, high = mean_interval(values, user, draws=400, seed=seed)
        covered += bool(low[0] <= 0 <= high[0])
    assert 0.89 <= covered / 200 <= 0.99


def test_paired_differences_are_tighter_than_the_parts():
    random = np.random.default_rng(3)
    base = random.random(200)
    values = np.column_stack([base, base + 0.01 + 0.01 * random.random(200)])
    user = np.arange(200, dtype=np.int32)
    _, low, high = mean_interval(values[:, 1:] - values[:, :1], user)
    _, low_each, high_each = mean_interval(values, user)
    assert low[0] > 0
    assert (high_each - low_each).min() > 20 * (high - low)[0]


def test_draws_without_a_case_are_left_out():
    low, high = percentile_interval(np.array([[1.0], [np.nan], [1.0]]))
    assert (low.tolist(), high.tolist()) == ([1.0], [1.0])
