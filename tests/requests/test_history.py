"""Histories from outside: which events count, when they were, and what they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import RequestError
from gnn_search.graph.store import to_time
from gnn_search.requests.history import HistoryReader, ReadHistories, tabulate_histories

AS_OF = to_time(datetime(2020, 1, 21))
SECOND = 1_000_000


def read(graph, *histories) -> ReadHistories:
    return HistoryReader(graph, AS_OF).read(tabulate_histories(histories), len(histories), "the history")


def test_events_without_a_timestamp_are_just_before_the_time_in_their_order(fruit_shop):
    found = read(fruit_shop, ["p1", "p0", "p1"], [], ["p5"])
    assert found.events.user.tolist() == [0, 0, 0, 2]
    assert found.events.product.tolist() == [1, 0, 1, 5]
    assert (AS_OF - found.events.time).tolist() == [3 * SECOND, 2 * SECOND, SECOND, SECOND]
    assert found.events.weight.tolist() == [1, 1, 1, 1]
    assert found.events.query.tolist() == [-1] * 4


def test_timestamps_are_read_in_any_writing(fruit_shop):
    time = datetime(2020, 1, 5, 12, tzinfo=timezone(timedelta(hours=2)))
    writings = ["2020-01-05T10:00:00Z", time, datetime(2020, 1, 5, 10), 1578218400, 1578218400_000_000]
    for writing in writings:
        events = read(fruit_shop, [{"product_id": "p1", "timestamp": writing}, "p2"]).events
        assert events.time.tolist() == [to_time(datetime(2020, 1, 5, 10, tzinfo=UTC)), AS_OF - SECOND]


def test_what_is_left_out_is_counted_by_user(fruit_shop):
    late = {"product_id": "p1", "timestamp": "2020-01-21"}
    found = read(fruit_shop, ["p1", "none", None], [late, {"product_id": "none", "timestamp": "2020-02-01"}], ["p2"])
    assert found.unknown.tolist() == [2, 1, 0]
    assert found.later.tolist() == [0, 1, 0]
    assert found.events.user.tolist() == [0, 2]
    just_before = [{"product_id": "p1", "timestamp": "2020-01-20T23:59:59.999999"}]
    assert read(fruit_shop, just_before).later.tolist() == [0]


def test_actions_queries_and_weights(fruit_shop):
    history = [{"product_id": "p0", "action": "click", "query": " APPLE"}, {"product_id": "p0", "weight": 2.5, "query": "kiwi"}, "p0"]
    events = read(fruit_shop, history).events
    # Without one the action is the recipe's default.
    assert [fruit_shop.manifest.actions[place] for place in events.action] == ["click", "purchase", "purchase"]
    assert events.query.tolist() == [fruit_shop.nodes("query")["query"].to_list().index("apple"), -1, -1]
    assert events.weight.tolist() == [1, 2.5, 1]


def test_nothing_at_all(fruit_shop):
    found = read(fruit_shop, [], [])
    assert len(found.events.user) == 0
    assert (found.unknown.tolist(), found.later.tolist()) == ([0, 0], [0, 0])
    assert read(fruit_shop).unknown.shape == (0,)


def test_arrays_and_columns_are_histories_too(fruit_shop):
    for history in (np.array(["p1", "p2"]), pl.Series(["p1", "p2"]), ("p1", "p2")):
        assert read(fruit_shop, history).events.product.tolist() == [1, 2]


def test_a_timestamp_of_another_kind_is_refused(fruit_shop):
    with pytest.raises(RequestError, match="the timestamps of the history are Float64; give dates and times, ISO 8601 text, or integers"):
        read(fruit_shop, [{"product_id": "p1", "timestamp": 1.5}])
    with pytest.raises(RequestError, match="a history can't be read"):
        read(fruit_shop, [{"product_id": "p1", "timestamp": 1}, {"product_id": "p1", "timestamp": "2020-01-05"}])
