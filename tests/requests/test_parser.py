"""Requests of a program become columns: whom each is of, which past it brings, and what its vector depends on."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.errors import RequestError
from gnn_search.requests.parser import RequestParser
from gnn_search.requests.request import Request
from gnn_search.trained.model import Model, open_model


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def parser(model) -> RequestParser:
    return RequestParser(model, model.graph.manifest.test_start)


def test_users_of_every_kind(model, parser):
    node = model.graph.nodes("user")["user_id"].to_list().index(3)
    batch = parser.parse(
        [
            Request(" Bread  0", 3),
            Request("tea"),
            Request("tea", "nobody"),
            Request("tea", 3, ["P001", "gone"]),
            Request("tea", "nobody", []),
            Request("tea", attributes={"city": "Köln"}),
            Request("tea", 3, []),
        ]
    )
    assert len(batch) == 7
    assert batch.text.to_list() == ["bread 0", *["tea"] * 6]
    assert batch.given["query"].to_list() == [" Bread  0", *["tea"] * 6]
    assert batch.user.tolist() == [node, *[-1] * 6]
    # An empty history says nothing of a user whom the graph does not hold, and replaces what it knows of one whom it does.
    assert batch.inductive_user.tolist() == [-1, -1, -1, 0, -1, 1, 2]
    assert batch.inductive_users.graph.num_nodes["user"] == 3
    assert batch.history_events.tolist() == [0, 0, 0, 2, 0, 0, 0]
    assert batch.unknown_events.tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert not batch.later_events.any()


def test_without_described_users_there_are_none(parser):
    batch = parser.parse([Request("tea", 3), {"query": "bread 0"}])
    assert batch.inductive_users is None
    assert batch.inductive_user.tolist() == [-1, -1]
    assert len(parser.parse([])) == 0


def test_user_ids_are_those_of_the_graph_or_as_given(parser):
    mixed = parser.parse([Request("tea", 3), Request("tea", "5"), Request("tea"), Request("tea", "x")])
    assert list(mixed.user_ids) == [3, 5, None, "x"]
    assert (mixed.user >= 0).tolist() == [True, True, False, False]
    whole = parser.parse([Request("tea", 3), Request("tea")])
    assert list(whole.user_ids) == [3, None]
    assert whole.given["user_id"].to_list() == [3, None]


def test_ids_are_plain_values(parser):
    ids = parser.parse([Request("tea", np.int64(3)), Request("tea", np.int64(999))]).user_ids
    assert (list(ids), [type(one) for one in ids]) == ([3, 999], [int, int])


@pytest.mark.parametrize("requests", [["bread 0"], "bread 0", Request("bread 0"), {"query": "bread 0"}, None, [Request("bread 0"), 3]])
def test_what_is_no_list_of_requests_is_refused(parser, requests):
    with pytest.raises(RequestError, match="give a list of requests, each a Request or a mapping with the key 'query', such as"):
        parser.parse(requests)


def test_cache_keys_tell_users_histories_and_sessions_apart(parser):
    requests = [
        Request("tea"),
        Request("tea", 3),
        Request("tea", 4),
        Request("tea", history=["P001"]),
        Request("tea", history=["P002"]),
        Request("tea", 3, ["P001"]),
        Request("tea", attributes={"city": "Köln"}),
        Request("tea", session="s"),
    ]
    keys = parser.parse(requests).cache_keys
    assert len(set(keys)) == len(keys)
    # What else is in a batch does not count, nor does an id that the graph does not hold.
    assert [parser.parse([request]).cache_keys[0] for request in requests] == list(keys)
    assert parser.parse([Request("tea", "nobody")]).cache_keys[0] == keys[0]


def test_a_table_is_read_as_requests_are(parser):
    table = pl.DataFrame({"user_id": ["3", "", None, "x"], "query": ["Tea", "tea", "tea 0", "🍞"]})
    table = table.with_columns(history=pl.Series([None, ["P001"], [], ["P002", "gone"]], dtype=pl.List(pl.String)))
    found = parser.parse_table(table, ids_fit=False)
    wanted = parser.parse([{**row, "user_id": row["user_id"] or None} for row in table.iter_rows(named=True)])
    assert found.text.to_list() == wanted.text.to_list()
    for name in ("user", "inductive_user", "history_events", "unknown_events", "later_events"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist()
    assert found.given.equals(wanted.given)
    assert found.cache_keys is None


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"query": None}, "a query is None; give text"),
        ({"query": " "}, r"the query ' ' \(request 1, from 0\) is blank; give at least one word"),
        ({"query": "tea", "user_id": 1.5}, "a user can't be looked up"),
        ({"query": "tea", "history": [{"product_id": "P001", "weight": -1}]}, "a weight of the history is no number of 0 or more"),
        ({"query": "tea", "history": [{"product_id": "P001", "action": "buy"}]}, "the history: there is no action 'buy' in the graph"),
        ({"query": "tea", "attributes": {"town": "Bo"}}, "the request: users of the graph have no attribute 'town'; they have age, city"),
        ({"query": "tea", "user_id": 3, "attributes": {"city": "Bo"}}, r"request 1 \(from 0\) gives attributes for user '3', whom"),
    ],
)
def test_what_can_not_be_read_is_refused(parser, request_, sentence):
    with pytest.raises(RequestError, match=sentence):
        parser.parse([Request("tea"), request_])
