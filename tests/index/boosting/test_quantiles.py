"""Qualities as halvings."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.index.boosting.quantiles import HALVINGS, halvings, quantile_borders


def test_the_borders_are_those_of_halving_either_half():
    borders = quantile_borders(np.arange(1025.0), np.ones(1025, np.bool_))
    assert borders[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert borders[10:] == [768, 896, 960, 992, 1008, 1016, 1020, 1022, 1023]
    assert len(borders) == 2 * HALVINGS - 1


def test_numbers_by_hand():
    borders = quantile_borders(np.arange(1025.0), np.ones(1025, np.bool_))
    value = np.array([0, 1, 255, 256, 511, 512, 767, 768, 1023, np.inf, -np.inf, np.nan])
    high = [0, 0, 0, 0, 0, 0.1, 0.1, 0.2, 1, 1, 0, 0]
    low = [1, 0.9, 0.2, 0.1, 0.1, 0, 0, 0, 0, 0, 1, 0]
    np.testing.assert_array_equal(halvings(value, borders), np.array([high, low], np.float32).T)


def test_only_known_products_and_finite_values_make_borders():
    value, known = np.array([np.nan, -np.inf, 3.0, 900.0]), np.array([True, True, True, False])
    assert quantile_borders(value, known) == [3.0] * 19
    assert quantile_borders(value, np.array([True, True, False, False])) == []


def test_many_equal_values_stand_above_what_is_worse_and_are_not_sunk():
    value = np.r_[np.zeros(2), np.ones(95), 2.0, 3.0, 4.0]
    numbers = halvings(value, quantile_borders(value[2:], np.ones(98, np.bool_)))
    assert numbers[0].tolist() == [0.0, 1.0]
    assert numbers[5, 1] == 0
    assert (np.diff(numbers[2:, 0]) >= 0).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(allow_nan=False), min_size=1, max_size=60))
def test_a_better_product_never_gets_less(seen, asked):
    borders = quantile_borders(np.array(seen), np.ones(len(seen), np.bool_))
    numbers = halvings(np.sort(asked), borders)
    assert ((numbers >= 0) & (numbers <= 1)).all()
    assert (np.diff(numbers[:, 0]) >= 0).all()
    assert (np.diff(numbers[:, 1]) <= 0).all()
    assert (numbers.min(axis=1) == 0).all()
