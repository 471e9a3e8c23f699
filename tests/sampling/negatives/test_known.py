"""Known positives against plain sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.sampling.negatives.known import KnownPositives

QUERIES, PRODUCTS = 5, 7
EVENT = st.tuples(st.integers(-1, 3), st.integers(0, QUERIES - 1), st.integers(0, PRODUCTS - 1))
EVENTS = st.lists(EVENT, max_size=25)


def known_of(rule, events) -> KnownPositives:
    user, query, product = np.array(events, np.int32).reshape(-1, 3).T
    return KnownPositives(rule, user, query, product, QUERIES, PRODUCTS)


def plainly(rule, events, user: int, query: int, product: int) -> bool:
    return (query, product) in {event[1:] for event in events} if rule == "query" else (user, query, product) in set(events)


@pytest.mark.parametrize("rule", ["query", "user_query"])
@given(EVENTS, st.lists(EVENT, max_size=10))
def test_contains(rule, events, asked):
    user, query, product = np.array(asked, np.int32).reshape(-1, 3).T
    found = known_of(rule, events).contains(user, query, product)
    assert found.tolist() == [plainly(rule, events, *request) for request in asked]


@pytest.mark.parametrize("rule", ["query", "user_query"])
@given(EVENTS, st.lists(EVENT, max_size=6))
def test_contains_takes_several_products_a_row(rule, events, asked):
    user, query, _ = np.array(asked, np.int32).reshape(-1, 3).T
    products = np.tile(np.arange(PRODUCTS, dtype=np.int32), (len(asked), 1))
    found = known_of(rule, events).contains(user, query, products)
    assert found.tolist() == [[plainly(rule, events, who, what, product) for product in range(PRODUCTS)] for who, what, _ in asked]


@pytest.mark.parametrize("rule", ["query", "user_query"])
@given(EVENTS, st.lists(EVENT, max_size=8), st.permutations(range(PRODUCTS)), st.integers(0, PRODUCTS))
def test_among(rule, events, asked, order, size):
    user, query, _ = np.array(asked, np.int32).reshape(-1, 3).T
    candidates = np.array(order[:size], np.int32)
    row, column = known_of(rule, events).among(user, query, candidates)
    expected = [
        (number, place)
        for number, (who, what, _) in enumerate(asked)
        for place, product in enumerate(candidates.tolist())
        if plainly(rule, events, who, what, product)
    ]
    assert sorted(zip(row.tolist(), column.tolist(), strict=True)) == expected


def test_rules_differ_where_two_users_ask_the_same():
    events = [(0, 1, 2), (3, 1, 4)]
    request = (np.array([0], np.int32), np.array([1], np.int32), np.array([4], np.int32))
    assert known_of("query", events).contains(*request).tolist() == [True]
    assert known_of("user_query", events).contains(*request).tolist() == [False]
