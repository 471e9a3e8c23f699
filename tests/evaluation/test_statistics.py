"""Randomisation test, Holm's correction, effect size and detectable difference: by hand, against scipy, and by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_rel

from gnn_search.evaluation.effect import detectable_difference, effect_size
from gnn_search.evaluation.holm import holm
from gnn_search.evaluation.intervals import Bootstrap, mean_interval
from gnn_search.evaluation.randomisation import randomisation_test


def test_few_shoppers_give_the_exact_p_value():
    differences = np.array([3.0, 1, 0.5, -0.25, 2])
    sums = [abs(np.dot(signs, differences)) for signs in product([-1, 1], repeat=5)]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    (found,) = randomisation_test(differences[:, None], 40_000, seed=1)
    assert found == pytest.approx(exact, abs=0.01)


def test_p_values_are_those_of_scipy():
    random = np.random.default_rng(2)
    one, other = random.normal(0.25, 1, 60), random.normal(0, 1, 60)
    theirs = permutation_test(
        (one, other), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", n_resamples=20_000, rng=3, vectorized=True
    )
    (found,) = randomisation_test((one - other)[:, None], 20_000, seed=4)
    assert found == pytest.approx(theirs.pvalue, abs=0.015)
    assert found == pytest.approx(ttest_rel(one, other).pvalue, abs=0.02)


def test_the_same_seed_gives_the_same_bytes_whatever_the_columns(monkeypatch):
    differences = np.random.default_rng(0).normal(size=(30, 4))
    first = randomisation_test(differences, 500, seed=9)
    assert first.tobytes() == randomisation_test(differences, 500, seed=9).tobytes()
    assert first.tobytes() != randomisation_test(differences, 500, seed=10).tobytes()
    monkeypatch.setattr("gnn_search.evaluation.randomisation._BLOCK_BYTES", 8 * 30 * 8)
    assert first.shape == randomisation_test(differences, 500, seed=9).shape
    alone = randomisation_test(differences[:, 1:2], 500, seed=9)
    assert alone == pytest.approx(randomisation_test(differences, 500, seed=9)[1:2])


def test_no_difference_is_no_evidence_and_a_clear_one_is():
    assert randomisation_test(np.zeros((20, 1)), 1000, seed=0).tolist() == [1.0]
    assert randomisation_test(np.ones((40, 1)), 1000, seed=0).tolist() == [1 / 1001]


def test_a_true_null_is_rejected_as_often_as_it_should_be():
    """2,000 pairs of methods that do not differ; shoppers have unequal numbers of cases, and skewed values."""
    random = np.random.default_rng(12)
    cases = random.integers(1, 9, 60)
    magnitude = random.exponential(size=(60, 2000)) * cases[:, None]
    differences = magnitude * random.choice([-1.0, 1.0], size=magnitude.shape)
    p_values = randomisation_test(differences, 2000, seed=0)
    assert 0.03 <= np.mean(p_values < 0.05) <= 0.07
    assert np.mean(p_values < 0.5) == pytest.approx(0.5, abs=0.04)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """500 sets of shoppers with 1 to 9 cases of values that are 0, .5 or 1, as recall is; the truth is the mean over all cases of all."""
    random = np.random.default_rng(7)
    covered = 0
    for seed in range(500):
        user = np.repeat(np.arange(400, dtype=np.int32), random.integers(1, 10, 400))
        taste = random.beta(1.5, 1, 400)[user]
        values = (random.binomial(2, taste) / 2)[:, None]
        _, low, high = mean_interval(values, user, draws=600, seed=seed)
        covered += bool(low[0] <= 0.6 <= high[0])
    assert 0.93 <= covered / 500 <= 0.97


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_effect_size_by_hand():
    """Mean differences a shopper of 1, 2 and 3: their mean is 2, their deviation 1; who has no case does not count."""
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
    tries = randomisation_test(least + random.normal(size=(300, 500)), 1000, seed=1)
    assert np.mean(tries < 0.05) == pytest.approx(0.8, abs=0.07)
