"""A request from named values: what is not known is named."""

from __future__ import annotations

import pytest

from gnn_search.errors import RequestError
from gnn_search.requests.request import Request


def test_named_values_become_a_request():
    stated = {"query": "tea", "user_id": 3, "history": ["P001"], "attributes": {"city": "Köln"}, "session": "s"}
    assert Request.from_mapping(stated) == Request("tea", 3, ["P001"], {"city": "Köln"}, "s")
    assert Request.from_mapping({"query": "tea"}) == Request("tea")


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("user", "user_id"),
        ("userid", "user_id"),
        ("users_id", "user_id"),
        ("histroy", "history"),
        ("attribute", "attributes"),
        ("session_id", "session"),
        ("querry", "query"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(key, nearest):
    sentence = rf"^a request has no key '{key}'; did you mean '{nearest}'\? Known keys: query, user_id, history, attributes, session$"
    with pytest.raises(RequestError, match=sentence):
        Request.from_mapping({"query": "tea", key: None})


@pytest.mark.parametrize("key", ["k", "colour", 7])
def test_a_key_like_none_is_named_with_all_known_ones(key):
    sentence = rf"^a request has no key {key!r}; leave it out\. Known keys: query, user_id, history, attributes, session$"
    with pytest.raises(RequestError, match=sentence):
        Request.from_mapping({"query": "tea", key: 1})


def test_a_request_without_a_query():
    with pytest.raises(RequestError, match=r"^a request has no query; give its text under the key 'query'$"):
        Request.from_mapping({"user_id": 3})
