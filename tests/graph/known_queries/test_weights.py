"""The weight of a lender rises with its likeness, fitted or not."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.graph.known_queries.weights import LenderWeights, fit_logistic


def pairs(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return likeness and agreement where spelling misleads and stems say how much agrees."""
    random = np.random.Generator(np.random.Philox(2))
    likeness = random.random((count, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-(-3 - 2 * likeness[:, 0] + 8 * likeness[:, 1])))
    return likeness, (random.random(count) < chance).astype(np.float32)


def test_the_guess():
    weights = LenderWeights().weigh(np.array([[0.92, 1, 0.9], [0.8, 0.8, 0.5], [0.3, 0, 0.3], [0.3, 0, -1]], dtype=np.float32))
    assert weights[0] > 0.95
    assert weights[1] > 0.7
    assert weights[2] < 0.05
    assert weights[3] < weights[2]


def test_it_learns_what_agrees_and_never_falls():
    fitted = LenderWeights.fit(*pairs())
    assert fitted.pairs == 4000
    assert fitted.stems > 6
    assert (fitted.spelling, fitted.meaning) == (0, pytest.approx(0, abs=0.5))
    likeness, agreement = pairs()
    stated = fitted.weigh(likeness)
    assert stated.mean() == pytest.approx(agreement.mean(), abs=0.01)
    assert LenderWeights.fit(*pairs()) == fitted


def test_few_pairs_leave_the_guess():
    likeness, agreement = pairs(1)
    fitted, guess = LenderWeights.fit(likeness, agreement), LenderWeights()
    assert fitted.stems == pytest.approx(guess.stems, abs=0.5)
    assert fitted.intercept == pytest.approx(guess.intercept, abs=0.5)


def test_without_a_pull_it_is_logistic_regression():
    """Of one input with two values, the fit meets the share of each."""
    inputs = np.repeat([[0.0], [1.0]], 10, axis=0).astype(np.float32)
    share = np.array([1] * 2 + [0] * 8 + [1] * 7 + [0] * 3, dtype=np.float32)
    fitted = fit_logistic(inputs, share, np.zeros(2), 0.0)
    assert (1 / (1 + np.exp(-np.cumsum(fitted)))).tolist() == pytest.approx([0.2, 0.7], abs=1e-4)
