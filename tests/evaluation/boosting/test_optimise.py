"""The search finds what is there to find, and never ends below its start."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.evaluation.boosting.optimise import find_weights


def steps(weights: np.ndarray) -> float:
    """A flight of steps that ends at (.3, -.2)."""
    return 1 - float(np.floor(20 * np.abs(weights - [0.3, -0.2]).sum())) / 40


def test_it_climbs_a_flight_of_steps():
    found = find_weights(steps, 2, 0.5, 400, seed=0)
    assert found.start == steps(np.zeros(2))
    assert found.value == steps(found.weights) >= 0.95
    assert found.weights.dtype == np.float32
    # It ends before where all of its population stand on the highest step.
    assert 12 < found.tried <= 450
    assert found.refused == 0


@pytest.mark.parametrize("objective", [lambda weights: 0.5, lambda weights: 0.5 - float(np.abs(weights).sum())])
def test_where_nothing_is_better_there_is_no_boost(objective):
    found = find_weights(objective, 3, 0.5, 100, seed=0)
    assert not found.weights.any()
    assert found.value == found.start == 0.5


def test_what_cannot_be_computed_is_counted_and_not_taken():
    def objective(weights: np.ndarray) -> float | None:
        return None if np.abs(weights).max() > 0.1 else float(weights.sum())

    found = find_weights(objective, 2, 0.5, 300, seed=0)
    assert 0 < found.refused < found.tried
    assert np.abs(found.weights).max() <= np.float32(0.1)
    assert found.value > 0.15


def test_weights_stay_inside_the_bound():
    found = find_weights(lambda weights: float(weights.sum()), 2, 0.25, 300, seed=0)
    assert found.weights.tolist() == pytest.approx([0.25, 0.25], abs=0.02)
    assert np.abs(found.weights).max() <= 0.25


def test_the_same_seed_gives_the_same_bytes():
    first, again, other = (find_weights(steps, 2, 0.5, 60, seed=seed).weights.tobytes() for seed in (3, 3, 4))
    assert first == again != other


def test_an_objective_without_a_start_is_refused():
    with pytest.raises(ValueError, match="computed without a boost"):
        find_weights(lambda weights: None, 2, 0.5, 60, seed=0)
