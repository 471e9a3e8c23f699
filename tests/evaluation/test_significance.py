"""Bootstrap intervals, permutation test, Holm's correction and effect sizes: by hand, against scipy, and by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from gnn_search.evaluation.significance import (
    FEWEST_USERS,
    Bootstrap,
    clusters_of,
    detectable_difference,
    effect_size,
    holm,
    mean_interval,
    percentile_interval,
    permutation_test,
    too_small,
)


def test_few_users_give_the_exact_p_value():
    differences = np.array([3.0, 1, 0.5, -0.25, 2])
    sums = [abs(np.dot(signs, differences)) for signs in product([-1, 1], repeat=5)]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    (found,) = permutation_test(differences[:, None], 40_000, seed=1)
    assert found == pytest.approx(exact, abs=0.01)


def test_p_values_are_those_of_scipy():
    random = np.random.default_rng(2)
    one, other = random.normal(0.25, 1, 60), random.normal(0, 1, 60)
    theirs = stats.permutation_test(
        (one, other), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", n_resamples=20_000, rng=3, vectorized=True
    )
    (found,) = permutation_test((one - other)[:, None], 20_000, seed=4)
    assert found == pytest.approx(theirs.pvalue, abs=0.015)
    assert found == pytest.approx(stats.ttest_rel(one, other).pvalue, abs=0.02)


def test_the_same_seed_gives_the_same_bytes_whatever_the_columns_and_blocks():
    differences = np.random.default_rng(0).normal(size=(30, 4))
    first = permutation_test(differences, 500, seed=9)
    assert first.tobytes() == permutation_test(differences, 500, seed=9).tobytes()
    assert first.tobytes() != permutation_test(differences, 500, seed=10).tobytes()
    assert first == pytest.approx(permutation_test(differences, 500, seed=9, block_bytes=8 * 30 * 8))
    alone = permutation_test(differences[:, 1:2], 500, seed=9)
    assert alone == pytest.approx(first[1:2])


def test_no_difference_is_no_evidence_and_a_clear_one_is():
    assert permutation_test(np.zeros((20, 1)), 1000, seed=0).tolist() == [1.0]
    assert permutation_test(np.ones((40, 1)), 1000, seed=0).tolist() == [1 / 1001]


def test_a_true_null_is_rejected_as_often_as_it_should_be():
    """2,000 pairs of methods that do not differ; users have unequal numbers of cases, and skewed values."""
    random = np.random.default_rng(12)
    cases = random.integers(1, 9, 60)
    magnitude = random.exponential(size=(60, 2000)) * cases[:, None]
    differences = magnitude * random.choice([-1.0, 1.0], size=magnitude.shape)
    p_values = permutation_test(differences, 2000, seed=0)
    assert 0.03 <= np.mean(p_values < 0.05) <= 0.07
    assert np.mean(p_values < 0.5) == pytest.approx(0.5, abs=0.04)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """500 sets of users with 1 to 9 cases of values that are 0, .5 or 1, as recall is; the truth is the mean over all cases of all."""
    random = np.random.default_rng(7)
    covered = 0
    for seed in range(500):
        user = np.repeat(np.arange(400, dtype=np.int32), random.integers(1, 10, 400))
        taste = random.beta(1.5, 1, 400)[user]
        values = (random.binomial(2, taste) / 2)[:, None]
        _, low, high = mean_interval(values, user, n_resamples=600, seed=seed)
        covered += bool(low[0] <= 0.6 <= high[0])
    assert 0.93 <= covered / 500 <= 0.97


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_effect_size_by_hand():
    """Mean differences a user of 1, 2 and 3: their mean is 2, their deviation 1; who has no case does not count."""
    assert effect_size(np.array([2.0, 2, 9, 0]), np.array([2.0, 1, 3, 0])) == pytest.approx(2)
    assert effect_size(np.zeros(3), np.ones(3)) == 0
    assert effect_size(np.ones(3), np.ones(3)) is None
    assert effect_size(np.ones(1), np.ones(1)) is None


def test_a_detectable_difference_is_seen_in_four_of_five_tries():
    random = np.random.default_rng(4)
    spread = random.normal(size=(300, 1))
    drawn = Bootstrap(300, 2000, 0).totals(spread) / 300
    (least,) = detectable_difference(drawn)
    assert least == pytest.approx(2.8016 / np.sqrt(300), rel=0.1)
    tries = permutation_test(least + random.normal(size=(300, 500)), 1000, seed=1)
    assert np.mean(tries < 0.05) == pytest.approx(0.8, abs=0.07)


def test_unknown_users_are_clusters_of_their_own():
    cluster = clusters_of(np.array([5, -1, 5, 2, -1], dtype=np.int32))
    assert cluster[0] == cluster[2]
    assert sorted(np.delete(cluster, 2).tolist()) == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_resamples():
    totals = np.random.default_rng(0).random((50, 7))
    first, again, other = (Bootstrap(50, 100, seed).totals(totals) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_each_resample_holds_as_many_clusters_as_there_are():
    drawn = Bootstrap(13, 50, seed=0, block_bytes=8 * 13 * 7).totals(np.eye(13))
    assert drawn.shape == (50, 13)
    assert (drawn.sum(axis=1) == 13).all()
    assert (drawn == drawn.round()).all()
    assert drawn.std(axis=0).min() > 0


def test_resamples_have_the_mean_and_the_spread_of_the_theory():
    totals = np.random.default_rng(0).exponential(size=(200, 1))
    drawn = Bootstrap(200, 4000, seed=0).totals(totals)
    assert drawn.mean() == pytest.approx(totals.sum(), rel=0.01)
    assert drawn.std() == pytest.approx(np.sqrt(200) * totals.std(), rel=0.05)


def test_mean_and_interval_of_columns():
    values = np.column_stack([np.arange(10.0), np.full(10, 0.25)])
    mean, low, high = mean_interval(values, np.arange(10, dtype=np.int32))
    assert mean.tolist() == [4.5, 0.25]
    assert low[0] < 4.5 < high[0]
    assert (low[1], high[1]) == pytest.approx((0.25, 0.25))


def test_cases_of_one_user_do_not_count_as_many():
    """Nine equal cases a user tell no more than one."""
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
        _, low, high = mean_interval(values, user, n_resamples=400, seed=seed)
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


def test_resamples_without_a_case_are_left_out():
    low, high = percentile_interval(np.array([[1.0], [np.nan], [1.0]]))
    assert (low.tolist(), high.tolist()) == ([1.0], [1.0])


def test_a_slice_of_few_users_is_too_small():
    assert [too_small(count) for count in (0, FEWEST_USERS - 1, FEWEST_USERS)] == [True, True, False]
