"""What the log says of products: figures by hand on the fruit shop, of which validation starts on day 10."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import RequestError
from gnn_search.index.boosting.qualities import (
    HALVINGS,
    halvings,
    has_interactions,
    measure_quality,
    numeric_product_columns,
    quality_borders,
)

DAY = 86_400_000_000.0


@pytest.fixture
def view(fruit_shop):
    return fruit_shop.before(fruit_shop.manifest.validation_start)


def test_popularity_counts_interactions(view):
    # The impression of p2 is no interaction, the event of nobody is one.
    np.testing.assert_array_equal(measure_quality(view, "popularity"), [2, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(has_interactions(view), [True, True, False, True, True, False])


def test_recency_is_minus_the_age_of_the_last_interaction(view):
    np.testing.assert_array_equal(measure_quality(view, "recency"), [-8 * DAY, -6 * DAY, -np.inf, -5 * DAY, -4 * DAY, -np.inf])


def test_conversion_leans_on_the_mean(view):
    # Four of five interactions were purchases; each product is given ten more of that kind.
    np.testing.assert_allclose(measure_quality(view, "conversion"), [9 / 12, 9 / 11, 0.8, 9 / 11, 9 / 11, 0.8])


def test_later_interactions_count_later(fruit_shop):
    test = fruit_shop.before(fruit_shop.manifest.test_start)
    np.testing.assert_array_equal(measure_quality(test, "popularity"), [2, 2, 0, 1, 1, 0])
    assert measure_quality(test, "recency")[1] == -9 * DAY
    np.testing.assert_allclose(measure_quality(test, "conversion")[1], (2 + 10 * 5 / 6) / 12)


def test_before_the_first_event_nothing_is_known(fruit_shop):
    view = fruit_shop.before(fruit_shop.manifest.time_first)
    assert not measure_quality(view, "popularity").any()
    assert np.isneginf(measure_quality(view, "recency")).all()
    assert not measure_quality(view, "conversion").any()


def test_a_numeric_column_of_the_products(tiny_graph):
    assert numeric_product_columns(tiny_graph) == ["price"]
    price = measure_quality(tiny_graph.before(0), "price")
    np.testing.assert_array_equal(price, tiny_graph.nodes("product")["price"].to_numpy())


@pytest.mark.parametrize("name", ["stars", "title", "category", "product_id"])
def test_a_column_that_the_shop_lacks(tiny_graph, name):
    with pytest.raises(RequestError, match=rf"no numeric column '{name}'; there are \['price'\].*--columns"):
        measure_quality(tiny_graph.before(0), name)


def test_conversion_needs_several_actions(make_graph):
    products = [("p0", "a", None, None)]
    days = [(f"u{day}", "a", "p0", day, "purchase", f"s{day}", "broad") for day in (1, 11, 21)]
    graph = make_graph(products, days)
    with pytest.raises(RequestError, match=r"'conversion' compares purchases with other interactions, but .* logs .'purchase'. alone"):
        measure_quality(graph.before(graph.manifest.test_start), "conversion")


def test_the_borders_are_those_of_halving_either_half():
    borders = quality_borders(np.arange(1025.0), np.ones(1025, np.bool_))
    assert borders[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert borders[10:] == [768, 896, 960, 992, 1008, 1016, 1020, 1022, 1023]
    assert len(borders) == 2 * HALVINGS - 1


def test_numbers_by_hand():
    borders = quality_borders(np.arange(1025.0), np.ones(1025, np.bool_))
    value = np.array([0, 1, 255, 256, 511, 512, 767, 768, 1023, np.inf, -np.inf, np.nan])
    high = [0, 0, 0, 0, 0, 0.1, 0.1, 0.2, 1, 1, 0, 0]
    low = [1, 0.9, 0.2, 0.1, 0.1, 0, 0, 0, 0, 0, 1, 0]
    np.testing.assert_array_equal(halvings(value, borders), np.array([high, low], np.float32).T)


def test_only_known_products_and_finite_values_make_borders():
    value, known = np.array([np.nan, -np.inf, 3.0, 900.0]), np.array([True, True, True, False])
    assert quality_borders(value, known) == [3.0] * 19
    assert quality_borders(value, np.array([True, True, False, False])) == []


def test_many_equal_values_stand_above_what_is_worse_and_are_not_sunk():
    value = np.r_[np.zeros(2), np.ones(95), 2.0, 3.0, 4.0]
    numbers = halvings(value, quality_borders(value[2:], np.ones(98, np.bool_)))
    assert numbers[0].tolist() == [0.0, 1.0]
    assert numbers[5, 1] == 0
    assert (np.diff(numbers[2:, 0]) >= 0).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.lists(st.floats(allow_nan=False), min_size=1, max_size=60))
def test_a_better_product_never_gets_less(seen, asked):
    borders = quality_borders(np.array(seen), np.ones(len(seen), np.bool_))
    numbers = halvings(np.sort(asked), borders)
    assert ((numbers >= 0) & (numbers <= 1)).all()
    assert (np.diff(numbers[:, 0]) >= 0).all()
    assert (np.diff(numbers[:, 1]) <= 0).all()
    assert (numbers.min(axis=1) == 0).all()
