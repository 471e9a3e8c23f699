"""How large a difference is beside its spread, and how small one could still be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

LEVEL, POWER = 0.05, 0.8
"""Chance of seeing a difference that is none, and of seeing one of the detectable size."""


def effect_size(differences: NDArray[np.float64], weights: NDArray[np.float64]) -> float | None:
    """Return the mean of the shoppers' differences by their standard deviation (Cohen's d for pairs).

    Args:
        differences: Summed over the cases of each shopper.
        weights: Weight of her cases; shoppers without any are left out.

    Returns:
        0 where nobody differs; None where all differ alike or there is but one shopper.

    Shapes:
        differences, weights: float64[shoppers].
    """
    present = weights > 0
    values = differences[present] / weights[present]
    if not values.any():
        return 0.0
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return float(values.mean() / spread) if spread > 0 else None


def detectable_difference(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest true difference that such cases would show at the level of 5 % in four of five tries.

    By the normal approximation, (z_.975 + z_.8) standard errors; the bootstrap gives the standard error.

    Args:
        draws: Bootstrap draws of differences, NaN where a draw held no case.

    Shapes:
        draws: float64[draws, ...]; result: float64[...].
    """
    standard_error = np.nanstd(draws, axis=0)
    return np.asarray((norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER)) * standard_error)
