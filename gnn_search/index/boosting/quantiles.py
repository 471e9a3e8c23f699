"""A quality as two numbers between 0 and 1: how often the better half of the products was reached, and how often the worse one.

Qualities such as popularity have long tails, and what counts is at their ends. So a product is placed by halvings: 1/2, 3/4, 7/8, … of
the products are no better, or 1/2, 1/4, 1/8, … are worse. Two numbers with a weight each let a boost lift the best, sink the worst, or
both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

HALVINGS = 10
"""The last one tells one product in a thousand from the others."""
SIDES = ("high", "low")
"""What the two numbers of a quality say."""

_UPPER = 1 - 0.5 ** np.arange(1, HALVINGS + 1)
_LEVELS = np.concatenate([1 - _UPPER[:0:-1], _UPPER])


def quantile_borders(value: Float64, known: Bool) -> list[float]:
    """Return the 2 * HALVINGS - 1 quantiles of a quality at 1/1024, …, 1/4, 1/2, 3/4, …, 1023/1024, ascending.

    Args:
        value: Of every product, NaN where unknown.
        known: Which products count: those chosen before, as others would tell of the future.

    Returns:
        The borders; none where no product that counts has a finite value.

    Shapes:
        value: float64 [products]; known: bool [products].
    """
    finite = value[known & np.isfinite(value)]
    return np.quantile(finite, _LEVELS).tolist() if len(finite) else []


def halvings(value: Float64, borders: Sequence[float]) -> Float32:
    """Return the two numbers of each product: which share of the borders from the median up it reaches, and of those down it falls below.

    Equal values get equal numbers. An unknown value gets 0 and 0, which neither lifts nor sinks it.

    Shapes:
        value: float64 [products], NaN where unknown. Returns float32 [products, 2].
    """
    reached = np.searchsorted(np.asarray(borders), value, side="right")
    high = np.maximum(reached - (HALVINGS - 1), 0)
    low = np.maximum(HALVINGS - reached, 0)
    both = np.stack([high, low], axis=1) / HALVINGS
    both[np.isnan(value)] = 0.0
    return both.astype(np.float32)
