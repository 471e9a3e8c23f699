"""What the log says of products: figures by hand on the fruit shop, of which validation starts on day 10."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.index.boosting.qualities import measure_quality, product_columns, was_chosen

DAY = 86_400_000_000.0


@pytest.fixture
def view(fruit_shop):
    return fruit_shop.before(fruit_shop.manifest.validation_start)


def test_popularity_counts_choices(view):
    # The impression of p2 is no choice, the event of nobody is one.
    np.testing.assert_array_equal(measure_quality(view, "popularity"), [2, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(was_chosen(view), [True, True, False, True, True, False])


def test_recency_is_minus_the_age_of_the_last_choice(view):
    np.testing.assert_array_equal(measure_quality(view, "recency"), [-8 * DAY, -6 * DAY, -np.inf, -5 * DAY, -4 * DAY, -np.inf])


def test_conversion_leans_on_the_mean(view):
    # Four of five choices were purchases; each product is given ten more of that kind.
    np.testing.assert_allclose(measure_quality(view, "conversion"), [9 / 12, 9 / 11, 0.8, 9 / 11, 9 / 11, 0.8])


def test_later_choices_count_later(fruit_shop):
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
    assert product_columns(tiny_graph) == ["price"]
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
    with pytest.raises(RequestError, match=r"'conversion' compares purchases with other choices, but .* logs .'purchase'. alone"):
        measure_quality(graph.before(graph.manifest.test_start), "conversion")
