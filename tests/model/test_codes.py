"""Columns as rows of embedding tables, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from shops import build, write_recipe

from gnn_search.config.training import SharedAttribute
from gnn_search.errors import ConfigError
from gnn_search.model.codes import code_quantiles, code_values, number_shared


def shop(folder, *, late_price: float = 1000.0, prices=(1.0, 2.0, 3.0, 4.0, None), chosen=(0, 1, 2, 3, 4)):
    """Build five products, of which `chosen` are bought in training, and a sixth that is first bought in the test period."""
    folder.mkdir()
    ids = [f"p{number}" for number in range(6)]
    pl.DataFrame(
        {
            "product_id": ids,
            "title": ["thing"] * 6,
            "price": [*prices, late_price],
            "land": ["de", "fr", None, "de", "xx", "fr"],
            "town": ["a", "b", "c", None, "a", "b"],
        },
        schema_overrides={"price": pl.Float64},
    ).write_parquet(folder / "products.parquet")
    pl.DataFrame({"user_id": [1, 2, 3], "country": ["fr", None, "at"], "city": ["b", "z", None]}).write_parquet(folder / "users.parquet")
    days = [0] * len(chosen) + [15, 25]
    pl.DataFrame(
        {
            "user_id": [1] * len(days),
            "query": ["q"] * len(days),
            "product_id": [*(ids[number] for number in chosen), "p0", "p5"],
            "timestamp": [day * 86_400 for day in days],
        }
    ).with_columns(pl.from_epoch("timestamp")).write_parquet(folder / "events.parquet")
    tables = {
        "products": {"numeric": ["price"], "attributes": ["land", "town"]},
        "users": {"attributes": ["country", "city"]},
        "events": {},
    }
    recipe = write_recipe(folder, tables, {"by": "time", "validation": "1970-01-11 00:00:00", "test": "1970-01-21 00:00:00"})
    return build(recipe, folder / "graph")


def test_values_are_numbered_in_alphabetical_order_column_by_column():
    frame = pl.DataFrame({"size": ["m", "l", None, "m"], "colour": ["red", None, None, "blue"]})
    codes = code_values(frame, ["size", "colour"])
    assert codes.code.tolist() == [[1, 3], [0, -1], [-1, -1], [1, 2]]
    assert codes.num_rows == 4
    assert code_values(frame, []).code.shape == (4, 0)


def test_buckets_hold_as_many_products_each_and_missing_has_its_own(tmp_path):
    codes = code_quantiles(shop(tmp_path / "shop"), 2)
    # The border is the median of 1, 2, 3 and 4; what is beyond the largest known price lies in the last bucket.
    assert codes.code[:, 0].tolist() == [0, 0, 1, 1, 2, 1]
    assert codes.num_rows == 3


def test_borders_know_only_what_was_chosen_in_training(tmp_path):
    first = code_quantiles(shop(tmp_path / "one", late_price=1000.0), 4).code[:5]
    second = code_quantiles(shop(tmp_path / "other", late_price=0.0), 4).code[:5]
    np.testing.assert_array_equal(first, second)
    fewer = code_quantiles(shop(tmp_path / "fewer", chosen=(0, 1)), 2)
    assert fewer.code[:4, 0].tolist() == [0, 1, 1, 1]


def test_a_column_that_was_never_filled_in_training_is_one_bucket(tmp_path):
    codes = code_quantiles(shop(tmp_path / "shop", chosen=(4,)), 3)
    assert codes.code[:, 0].tolist() == [0, 0, 0, 0, 3, 0]


def test_a_catalogue_without_numbers_has_no_codes(tiny_graph, fruit_shop):
    assert code_quantiles(fruit_shop, 4).code.shape == (6, 0)
    assert code_quantiles(fruit_shop, 4).num_rows == 0
    assert np.bincount(code_quantiles(tiny_graph, 4).code[:, 0], minlength=5).tolist() == [10, 10, 10, 10, 0]


def test_a_value_is_one_row_on_both_sides(tmp_path):
    graph = shop(tmp_path / "shop")
    place = SharedAttribute(name="place", user=("country", "city"), product=("land", "town"))
    of_users, of_products = number_shared(graph, [place])
    users, products = of_users.code(graph.nodes("user")), of_products.code(graph.nodes("product"))
    # at, de, fr, xx; then a, b, c, z.
    assert users.num_rows == products.num_rows == 8
    assert users.code.tolist() == [[2, 5], [-1, 7], [0, -1]]
    assert products.code.tolist() == [[1, 4], [2, 5], [-1, 6], [1, -1], [3, 4], [2, 5]]


@pytest.mark.parametrize(
    ("user", "product", "message"),
    [
        ("state", "land", r"shared_attributes\.place\.user: 'state' is no attribute of the users of the graph .*\['country', 'city'\]"),
        ("country", "price", r"shared_attributes\.place\.product: 'price' is no attribute of the products .*add it to the recipe"),
    ],
)
def test_a_column_that_the_graph_lacks_is_named(tmp_path, user, product, message):
    with pytest.raises(ConfigError, match=message):
        number_shared(shop(tmp_path / "shop"), [SharedAttribute(name="place", user=(user,), product=(product,))])


def test_a_graph_without_a_users_table_has_no_attributes(fruit_shop):
    with pytest.raises(ConfigError, match=r"'country' is no attribute of the users of the graph .* which are \[\]; name one"):
        number_shared(fruit_shop, [SharedAttribute(name="place", user=("country",), product=("land",))])
