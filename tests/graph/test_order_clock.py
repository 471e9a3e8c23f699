from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.config.recipe import Recipe
from gnn_search.graph.build import build_graph
from gnn_search.graph.order_clock import spread_times

_DAY = 86_400_000_000


def _events(times: list[int]) -> pl.DataFrame:
    return pl.DataFrame({"time": pl.Series(times, dtype=pl.Int64), "row": range(len(times))})


def test_events_stand_as_far_apart_as_their_places() -> None:
    spread, cuts = spread_times(_events([0, 1, 2, 1000]), [2, 500])
    assert spread["time"].to_list() == [0, 333, 666, 1000]
    assert spread["row"].to_list() == [0, 1, 2, 3]
    assert cuts == [500, 834]


def test_equal_times_share_the_middle_of_their_places() -> None:
    spread, _ = spread_times(_events([0, 100, 100, 100, 400]), [])
    assert spread["time"].to_list() == [0, 200, 200, 200, 400]


@pytest.mark.parametrize("times", [[], [7], [7, 7, 7]])
def test_events_of_one_moment_stay_where_they_are(times: list[int]) -> None:
    spread, cuts = spread_times(_events(times), [7])
    assert spread["time"].to_list() == times
    assert cuts == [7]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=60), st.lists(st.integers(-5, 55), max_size=4))
def test_order_ties_and_cuts_are_kept(days: list[int], cuts: list[int]) -> None:
    time = np.sort(np.asarray(days, dtype=np.int64)) * _DAY
    moments = sorted(cut * _DAY for cut in cuts)
    spread, between = spread_times(_events(time.tolist()), moments)
    moved = spread["time"].to_numpy()
    assert np.array_equal(np.sign(np.diff(moved)), np.sign(np.diff(time)))
    assert np.array_equal(np.searchsorted(moved, between), np.searchsorted(time, moments)) or time[0] == time[-1]


def test_the_age_of_an_event_is_the_share_of_the_log_that_came_after(tmp_path: Path) -> None:
    # The last two days hold half of all events, as where each user's last choices were put on days of their own.
    days = [0, 10, 20, 30, 98, 98, 99, 99]
    pl.DataFrame({"product_id": ["p", "q"], "title": ["pear", "quince"]}).write_parquet(tmp_path / "products.parquet")
    pl.DataFrame(
        {
            "user_id": list("abcdabcd"),
            "query": ["fruit"] * 8,
            "product_id": list("pqpqpqpq"),
            "timestamp": pl.Series(days) * 86_400,
        }
    ).write_parquet(tmp_path / "events.parquet")
    recipe = {
        "name": "shop",
        "tables": {"products": {"path": "products.parquet"}, "events": {"path": "events.parquet", "clock": "order"}},
        "split": {"by": "time", "validation": "1970-04-08T00:00:00", "test": "1970-04-09T12:00:00"},
    }
    graph = build_graph(Recipe.model_validate(recipe), tmp_path, tmp_path / "graph")
    assert graph.manifest.num_examples == {"train": 4, "validation": 2, "test": 2}
    a_place = 99 * _DAY / 7
    for moment, seen in ((graph.manifest.validation_start, 4), (graph.manifest.test_start, 6)):
        edges = graph.before(moment).edges(("query", "leads_to", "product"))
        assert edges.degree().sum() == seen
    time = graph.examples("train")["time"].to_numpy()
    ages = (graph.manifest.validation_start - time) / a_place
    assert ages == pytest.approx([3.5, 2.5, 1.5, 0.5], abs=1e-3)
    ages = (graph.manifest.test_start - graph.examples("validation")["time"].to_numpy()) / a_place
    assert ages == pytest.approx([1, 1], abs=1e-3)
