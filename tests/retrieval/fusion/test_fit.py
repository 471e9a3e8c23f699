"""Fitted weights are where the loss is least, and find out which channel to trust."""

from __future__ import annotations

import numpy as np
from scipy.optimize import check_grad

from gnn_search.retrieval.fusion.fit import FusionExamples, _Problem, fit_weights
from gnn_search.retrieval.fusion.weighted_sum import FEATURES

SIZE = len(FEATURES)


def examples(seed: int = 0, cases: int = 60, each: int = 12) -> FusionExamples:
    """Return cases in which the first channel's score tells what is chosen, and the second channel knows nothing."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(cases * each, 2 * SIZE))
    row = np.repeat(np.arange(cases), each)
    relevant = features[:, 0] + 0.3 * random.normal(size=len(row)) > 1
    return FusionExamples(("good", "bad"), row, features, relevant)


def test_the_gradient_is_that_of_the_loss():
    given = examples(cases=5)
    kept = np.isin(given.row, np.unique(given.row[given.relevant]))
    row = np.unique(given.row[kept], return_inverse=True)[1]
    problem = _Problem(row, given.features[kept], given.relevant[kept])
    at = np.random.default_rng(1).normal(size=2 * SIZE)
    assert check_grad(lambda x: problem.loss(x)[0], lambda x: problem.loss(x)[1], at) < 1e-6


def test_the_loss_by_hand():
    # One case, two candidates that differ by 2: softplus(-2); and one of two chosen ones beside a third: the mean of both.
    one = _Problem(np.array([0, 0]), np.array([[3.0], [1.0]]), np.array([True, False]))
    assert np.isclose(one.loss(np.array([1.0]))[0], np.log1p(np.exp(-2)) + 1e-3)
    two = _Problem(np.array([0, 0, 0]), np.array([[3.0], [1.0], [0.0]]), np.array([True, False, True]))
    assert np.isclose(two.loss(np.array([1.0]))[0], (np.log1p(np.exp(-2)) + np.log1p(np.exp(1))) / 2 + 1e-3)


def test_the_channel_that_knows_is_trusted():
    weights = fit_weights(examples()).channels
    assert weights["good"].score > 1
    assert max(abs(value) for value in weights["bad"].model_dump().values()) < 0.3 * weights["good"].score


def test_the_unit_of_a_feature_does_not_matter():
    given = examples()
    scaled = FusionExamples(given.channels, given.row, given.features * np.array([100.0, *[1.0] * (2 * SIZE - 1)]), given.relevant)
    assert np.isclose(100 * fit_weights(scaled).channels["good"].score, fit_weights(given).channels["good"].score, rtol=1e-3)


def test_without_anything_to_learn_from_all_weights_are_zero():
    given = examples()
    for relevant in (np.zeros_like(given.relevant), np.ones_like(given.relevant)):
        weights = fit_weights(FusionExamples(given.channels, given.row, given.features, relevant))
        assert not any(value for weight in weights.channels.values() for value in weight.model_dump().values())
    nothing = FusionExamples(("a",), np.empty(0, np.int64), np.empty((0, SIZE)), np.empty(0, np.bool_))
    assert not any(fit_weights(nothing).channels["a"].model_dump().values())


def test_cases_without_both_kinds_change_nothing():
    given = examples()
    row = np.r_[given.row, np.full(3, given.row[-1] + 1)]
    more = FusionExamples(given.channels, row, np.r_[given.features, np.ones((3, 2 * SIZE))], np.r_[given.relevant, np.zeros(3, np.bool_)])
    assert fit_weights(more) == fit_weights(given)


def test_of_takes_whole_cases():
    given = examples(cases=3)
    part = given.of(np.array([True, False, True]))
    assert np.unique(part.row).tolist() == [0, 2]
    assert len(part.row) == len(part.features) == len(part.relevant) == 24
