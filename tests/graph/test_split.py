"""Cutting events by time, by the recipe or by a column that must agree with time."""

from __future__ import annotations

import polars as pl
import pytest
from shops import DAY

from gnn_search.config.recipe import Recipe
from gnn_search.errors import TableError
from gnn_search.graph.split import Cuts, cut_in_time

TABLES = {"products": {"path": "p.parquet"}, "events": {"path": "e.parquet", "split": "split"}}
BY_COLUMN = Recipe.model_validate({"name": "shop", "tables": TABLES, "split": {"by": "column"}})


def by_time(validation: str, test: str) -> Recipe:
    return Recipe.model_validate({"name": "shop", "tables": TABLES, "split": {"by": "time", "validation": validation, "test": test}})


def days(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"time": [number * DAY for number in numbers]})


def test_by_time():
    assert cut_in_time(by_time("1970-01-03 00:00:00", "1970-01-04 00:00:00"), days(0, 1, 2, 3)) == Cuts(2 * DAY, 3 * DAY)


def test_microseconds_of_a_cut_are_exact():
    recipe = by_time("2024-05-05 05:05:05.123457", "2024-05-05 05:05:05.123458")
    events = pl.DataFrame({"time": [0, 1_714_885_505_123_457, 1_714_885_505_123_458]})
    assert cut_in_time(recipe, events) == Cuts(1_714_885_505_123_457, 1_714_885_505_123_458)


@pytest.mark.parametrize(
    ("numbers", "empty"), [((2, 3), "train"), ((0, 3), "validation"), ((0, 2), "test"), ((0,), "validation"), ((9, 10), "train")]
)
def test_a_split_without_events_is_refused(numbers, empty):
    with pytest.raises(TableError, match=f"events: none is left for {empty}; they run from 19.*; move the cuts in the recipe's split"):
        cut_in_time(by_time("1970-01-03 00:00:00", "1970-01-04 00:00:00"), days(*numbers))


def test_by_column():
    events = days(0, 1, 1, 2, 3).with_columns(split=pl.Series(["train", "train", "train", "validation", "test"]))
    assert cut_in_time(BY_COLUMN, events) == Cuts(2 * DAY, 3 * DAY)


def test_a_column_that_does_not_follow_time_is_refused():
    events = days(0, 1, 2, 3).with_columns(split=pl.Series(["train", "validation", "train", "test"]))
    with pytest.raises(TableError, match="puts a train event at 1970-01-03 00:00:00, after the first validation event at 1970-01-02"):
        cut_in_time(BY_COLUMN, events)


def test_a_moment_in_two_splits_is_refused():
    events = days(0, 1, 2, 2).with_columns(split=pl.Series(["train", "validation", "validation", "test"]))
    with pytest.raises(TableError, match="column split puts a validation event"):
        cut_in_time(BY_COLUMN, events)


def test_a_column_without_a_split_is_refused():
    events = days(0, 1).with_columns(split=pl.Series(["train", "test"]))
    with pytest.raises(TableError, match="column split has no row marked validation; it must mark rows as train, validation and test"):
        cut_in_time(BY_COLUMN, events)
