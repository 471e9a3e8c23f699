"""Exact Shapley values of a few groups of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np

from gnn_search.arrays import Float64

_ROWS = 1 << 15
"""Most rows that are scored at a time."""


def shapley_values(
    score: Callable[[Float64], Float64], x: Float64, background: Float64, groups: Sequence[Sequence[int]]
) -> tuple[float, Float64]:
    r"""Share out how far score(x) is from the mean score of a background, among groups of the numbers in x.

    .. math::
        \phi_g = \sum_{S \not\ni g} \frac{|S|! \, (G - 1 - |S|)!}{G!} \left( v(S \cup g) - v(S) \right), \qquad
        v(S) = \frac{1}{B} \sum_b f(x_S, b_{\bar S})

    v(S) is the mean score of rows that have x's numbers in the groups S and a background row's elsewhere (Shapley, 1953; with such a v
    Lundberg and Lee, arXiv 1705.07874, and "interventional" in Janzing et al., arXiv 1910.13413). All 2^G sets meet all background rows,
    so it is exact. A group whose numbers equal those of every background row gets 0, and one whose numbers equal most of theirs little.

    Args:
        score: Scores rows of numbers: [n, numbers] to [n].
        x: The numbers, [numbers].
        background: What they are compared with, [rows, numbers], at least one.
        groups: Columns of each group, at least one; together all columns, each once.

    Returns:
        The background's mean score, and the values, float64 [groups]; together they sum to score(x) but for rounding.
    """
    count = len(groups)
    sets = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
    group_of = np.zeros(len(x), dtype=np.int64)
    for number, columns in enumerate(groups):
        group_of[list(columns)] = number
    taken = sets[:, group_of] == 1
    value, size = np.empty(len(sets)), max(1, _ROWS // len(background))
    for start in range(0, len(sets), size):
        rows = np.where(taken[start : start + size, None, :], x, background)
        value[start : start + size] = score(rows.reshape(-1, len(x))).reshape(len(rows), -1).mean(axis=1)
    inside = sets.sum(axis=1)
    weight = np.array([factorial(others) * factorial(count - 1 - others) / factorial(count) for others in range(count)])
    shares = np.zeros(count)
    for number in range(count):
        without = np.flatnonzero(sets[:, number] == 0)
        shares[number] = np.dot(weight[inside[without]], value[without | (1 << number)] - value[without])
    return float(value[0]), shares
