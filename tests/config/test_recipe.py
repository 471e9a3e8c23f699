"""Recipes: what is refused, and what the defaults are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gnn_search.config.files import check
from gnn_search.config.recipe import BoughtWith, Recipe
from gnn_search.errors import ConfigError


def content(**changes: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "tables": {"products": {"path": "p.csv"}, "events": {"path": "e.csv"}},
        "split": {"by": "time", "validation": "2024-02-01", "test": "2024-03-01"},
        **changes,
    }


def tables(**changes: Any) -> dict[str, Any]:
    return {
        "products": {"path": "p.csv", **changes.pop("products", {})},
        "events": {"path": "e.csv", **changes.pop("events", {})},
        **changes,
    }


def recipe(**changes: Any) -> Recipe:
    return check(content(**changes), Recipe, "shop.yaml")


def test_the_least_recipe():
    least = recipe()
    assert least.tables.events.default_action == "purchase"
    assert least.tables.users is None
    assert least.edges.bought_with == BoughtWith()
    assert least.split.by == "time"
    assert least.split.test == datetime(2024, 3, 1)


def test_derived_edges_can_be_switched_off():
    assert recipe(edges={"bought_with": None}).edges.bought_with is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'; remove it or correct its name"),
        ({"tables": tables(products={"titel": "t"})}, r"unknown key 'tables\.products\.titel'"),
        ({"tables": tables(sessions={"path": "s.csv"})}, r"unknown key 'tables\.sessions'"),
        ({"edges": {"bought_with": {"topp": 3}}}, r"unknown key 'edges\.bought_with\.topp'"),
        ({"tables": {"products": {"path": "p.csv"}}}, "'tables': give events, judgements or both: there is nothing to learn from"),
        ({"tables": tables(users={})}, r"key 'tables\.users\.path' is missing"),
        ({"tables": tables(products={"numeric": ["rating"], "price": "cost"})}, r"price column 'cost' is not among numeric \['rating'\]"),
        ({"name": "two words"}, r"'name': String should match pattern .* \(got 'two words'\)"),
        ({"name": "../up"}, "'name': String should match"),
        ({"split": {"by": "time", "validation": "2024-02-01", "test": "2024-03-01", "end": "2024-03-01"}}, "test must start before end"),
        ({"split": {"by": "last", "test": "2024-03-01"}}, "give both validation and test, or neither"),
        ({"split": {"by": "last", "validation": "2024-03-01", "test": "2024-03-01"}}, "validation must start before test"),
        ({"split": {"by": "last", "hold_out": {}}}, "give users or products a share above 0, or leave hold_out away"),
        ({"split": {"by": "last", "hold_out": {"users": 1}}}, r"'split\.last\.hold_out\.users': .*less than 1"),
        ({"tables": tables(events={"labels": ["measured"]})}, "'measured' can't be a label"),
        (
            {"tables": tables(events={"default_action": "../up"})},
            r"'tables\.events\.default_action': '\.\./up' can't name a relation: it must",
        ),
        ({"tables": tables(products={"related": {"bought_with": {"timeless": True}}})}, "'bought_with' can't name a relation: leads_to, "),
        ({"slices": {"long": "words >"}}, r"'slices\.long': this is no SQL expression \(unable to parse .*\(got 'words >'\)"),
        ({"slices": {"all of it": "words IN (SELECT a FROM read_csv('x'))"}}, "an expression over the columns of one case, without SELECT"),
        ({"slices": {"": "words > 1"}}, "at least 1 character"),
        ({"max_reject_share": 1.5}, r"'max_reject_share': .*less than or equal to 1 \(got 1\.5\)"),
        ({"max_reject_share": float("nan")}, "'max_reject_share'"),
        ({"edges": {"bought_with": {"top": 0}}}, r"'edges\.bought_with\.top': .*greater than or equal to 1 \(got 0\)"),
        ({"edges": {"bought_with": {"by": "day"}}}, r"'edges\.bought_with\.by': Input should be 'session' or 'user' \(got 'day'\)"),
        (
            {"tables": tables(products={"category_path": "a", "category_id": "b"})},
            r"'tables\.products': give category_path or category_id, not both$",
        ),
        (
            {"tables": tables(products={"related": {"also_bought": {}}})},
            r"key 'tables\.products\.related\.also_bought\.timeless' is missing",
        ),
        (
            {"tables": tables(products={"related": {"also_bought": {"timeless": False}}})},
            r"'tables\.products\.related\.also_bought\.timeless': Input should be True",
        ),
        ({"split": {"by": "column"}}, r"split by column needs tables\.events\.split to name the column$"),
        ({"split": {"by": "shopper"}}, r"'split': .*'shopper'.*'time', 'column'"),
        ({"split": {"by": "time", "validation": "2024-02-01"}}, r"key 'split\.time\.test' is missing"),
        ({"split": {"by": "time", "validation": "2024-03-01", "test": "2024-03-01"}}, "validation must start before test"),
        ({"split": {"by": "time", "validation": "2024-02-01T00:00:00+01:00", "test": "2024-03-01"}}, "in UTC without an offset"),
        ({"split": {"by": "time", "validation": "soon", "test": "2024-03-01"}}, r"'split\.time\.validation': .*\(got 'soon'\)"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        recipe(**changes)
    assert str(caught.value).startswith("shop.yaml: ")


def test_a_split_column_that_is_named():
    assert recipe(split={"by": "column"}, tables=tables(events={"split": "part"})).split.by == "column"


def test_a_recipe_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        recipe().name = "other"  # type: ignore[misc]
