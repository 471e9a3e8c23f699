"""Find the weights that maximise a metric of ranked lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, differential_evolution

from gnn_search.arrays import Float32, Float64

_MEMBERS = 4
"""Members of the population a dimension."""
_FEWEST = 12


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best weights of a search.

    Attributes:
        weights: float32 [e], zeros where none are better.
        refused: Those among them whose objective was not computed, as they were too strong.
    """

    weights: Float32
    start: float
    value: float
    tried: int
    refused: int


def find_weights(objective: Callable[[Float32], float | None], dimensions: int, bound: float, trials: int, seed: int) -> Optimum:
    """Maximise an objective by differential evolution (Storn and Price, 1997), as scipy has it.

    A metric of ranked lists is a step function of the weights: it has no gradient, and a search that goes by small differences stands still
    on a step. Differential evolution needs neither, takes its step sizes from the spread of its population, keeps the best it has met, and
    starts here from no boost, so what it returns is never worse.

    Args:
        objective: Called with float32 weights; None says that it can't be computed for these.
        dimensions: Number of weights.
        bound: No weight is larger or smaller than this.
        trials: About how many weights to try.
        seed: The same seed gives the same bytes.
    """
    count = {"tried": 0, "refused": 0}
    start = objective(np.zeros(dimensions, dtype=np.float32))
    if start is None:
        raise ValueError("expected an objective that can be computed without a boost")

    def loss(weights: Float64) -> float:
        count["tried"] += 1
        value = objective(weights.astype(np.float32))
        count["refused"] += value is None
        # Not infinity, from which scipy could not take a spread.
        return 1.0 if value is None else -value

    members = max(_FEWEST, _MEMBERS * dimensions)
    found = differential_evolution(
        loss,
        Bounds(np.full(dimensions, -bound), np.full(dimensions, bound)),
        init=_population(members, dimensions, bound, seed),
        maxiter=max(trials // members - 1, 0),
        tol=0,
        polish=False,
        seed=np.random.Generator(np.random.Philox(seed)),
    )
    value = -float(found.fun)
    better = value > start
    weights = np.asarray(found.x).astype(np.float32) if better else np.zeros(dimensions, dtype=np.float32)
    return Optimum(weights, start, value if better else start, count["tried"], count["refused"])


def _population(members: int, dimensions: int, bound: float, seed: int) -> Float64:
    """Return no boost and, about it, weights of all strengths: float64 [members, dimensions]."""
    random = np.random.Generator(np.random.Philox(key=seed, counter=1))
    strength = bound * np.geomspace(1 / 64, 1 / 2, members)[:, None]
    population = np.clip(random.normal(size=(members, dimensions)) * strength, -bound, bound)
    population[0] = 0.0
    return population
