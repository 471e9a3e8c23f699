"""Exact Shapley values of a few groups of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def shapley_values(score: Callable[[Float64], Float64], x: Float64, reference: Float64, groups: Sequence[Sequence[int]]) -> Float64:
    r"""Share out score(x) - score(reference) among groups of the numbers in x.

    .. math::
        \phi_g = \sum_{S \not\ni g} \frac{|S|! \, (G - 1 - |S|)!}{G!} \left( f(S \cup g) - f(S) \right)

    where f(S) scores x in the groups S and the reference elsewhere (Shapley, 1953; as an attribution: Sundararajan and Najmi, "The many
    Shapley values for model explanation", arXiv 1908.08474, there "baseline Shapley"). All 2^G sets are scored, so it is exact and the
    values sum to score(x) - score(reference) but for rounding. A group whose numbers equal the reference's gets 0.

    Args:
        score: Scores rows of numbers: [n, numbers] to [n].
        x: The numbers, [numbers].
        reference: What they are compared with, [numbers].
        groups: Columns of each group; together all columns, each once.

    Shapes:
        Returns float64 [groups].
    """
    count = len(groups)
    sets = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
    group_of = np.zeros(len(x), dtype=np.int64)
    for number, columns in enumerate(groups):
        group_of[list(columns)] = number
    value = score(np.where(sets[:, group_of] == 1, x, reference)) if count else np.zeros(1)
    size = sets.sum(axis=1)
    weight = np.array([factorial(inside) * factorial(count - 1 - inside) / factorial(count) for inside in range(count)])
    shares = np.zeros(count)
    for number in range(count):
        without = np.flatnonzero(sets[:, number] == 0)
        shares[number] = np.dot(weight[size[without]], value[without | (1 << number)] - value[without])
    return shares
