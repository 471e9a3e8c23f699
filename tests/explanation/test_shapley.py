"""Shapley values: small cases by hand, and all cases against the definition over orders."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.explanation import shapley
from gnn_search.explanation.shapley import shapley_values


def by_orders(score, x, background, groups):
    """Let the groups come in each order and take the mean of what each one's coming changes."""
    values, orders = np.zeros(len(groups)), list(permutations(range(len(groups))))
    for order in orders:
        rows = background.copy()
        before = score(rows).mean()
        for group in order:
            rows[:, groups[group]] = x[groups[group]]
            after = score(rows).mean()
            values[group] += after - before
            before = after
    return values / len(orders)


def test_a_sum_is_shared_out_to_its_terms():
    x, background = np.array([1.0, 2.0, 3.0]), np.zeros((2, 3))
    start, values = shapley_values(lambda rows: rows @ np.array([1.0, 10.0, 100.0]), x, background, [[0, 2], [1]])
    assert start == 0
    np.testing.assert_allclose(values, [301, 20])


def test_a_product_is_shared_out_evenly():
    start, values = shapley_values(lambda rows: rows[:, 0] * rows[:, 1], np.array([3.0, 4.0]), np.array([[1.0, 2.0]]), [[0], [1]])
    assert start == 2
    # 3 * 2 - 1 * 2 = 4 alone, 3 * 4 - 1 * 4 = 8 after the other; the other 1 * 4 - 2 = 2 and 12 - 6 = 6.
    np.testing.assert_allclose(values, [6, 4])


def test_what_equals_the_background_gets_nothing():
    background = np.array([[5.0, 1.0], [5.0, 7.0]])
    _, values = shapley_values(lambda rows: np.exp(rows.sum(axis=1)), np.array([5.0, 2.0]), background, [[0], [1]])
    assert values[0] == 0
    assert values[1] != 0


@given(seed=st.integers(0, 10_000), numbers=st.integers(1, 6), count=st.integers(1, 4), rows=st.integers(1, 5), block=st.integers(1, 9))
def test_equals_the_definition_and_sums(seed, numbers, count, rows, block):
    random = np.random.default_rng(seed)
    group_of = random.integers(0, count, numbers)
    groups = [np.flatnonzero(group_of == group).tolist() for group in np.unique(group_of)]
    inner, outer = random.normal(size=(numbers, 3)), random.normal(size=3)

    def score(x):
        return np.tanh(x @ inner) @ outer

    x, background = random.normal(size=numbers), random.normal(size=(rows, numbers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapley, "_ROWS", block)
        start, values = shapley_values(score, x, background, groups)
    np.testing.assert_allclose(values, by_orders(score, x, background, groups), atol=1e-12)
    np.testing.assert_allclose(start + values.sum(), score(x[None])[0], atol=1e-12)
