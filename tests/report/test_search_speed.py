"""Costs and latency."""

from __future__ import annotations

import numpy as np
import pytest
from evaluations import hand_made

from gnn_search.graph.cases import build_cases
from gnn_search.report.search_speed import costs_of, measure_speed
from gnn_search.retrieval.ranking import Ranking


def test_costs_by_hand():
    """1.98 seconds for 990 cases are 2 milliseconds a case."""
    for one in costs_of(hand_made()):
        assert (one.wall_ms, one.cpu_ms) == (pytest.approx(2.0), pytest.approx(4.0))
    assert {one.method: round(one.recall, 6) for one in costs_of(hand_made())}["own_history"] == 0.55


class Counting:
    """A ranker that counts what it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], list[int], int]] = []

    def rank(self, user, query, k):
        self.asked.append((user.tolist(), query.tolist(), k))
        return Ranking(np.zeros((len(user), k), np.int32), np.zeros((len(user), k), np.float32))


def test_the_model_is_measured_one_case_at_a_time(fruit_shop):
    cases, ranker = build_cases(fruit_shop), Counting()
    vectors = np.eye(12, dtype=np.float32)
    single = measure_speed(hand_made(), ranker, cases, vectors, vectors).single
    assert (single.searches, single.k) == (len(cases), 10)
    one_by_one = [([user], [query], 10) for user, query in zip(cases.user.tolist(), cases.query.tolist(), strict=True)]
    assert ranker.asked[-len(cases) :] == one_by_one
    assert 0 < single.median_ms <= single.p95_ms <= single.p99_ms


def test_the_exact_index_is_measured_and_exact(fruit_shop):
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = np.concatenate([vectors[:30], np.zeros((1, 8), np.float32)])
    speed = measure_speed(hand_made(), Counting(), build_cases(fruit_shop), vectors, queries)
    (flat,) = speed.indices
    assert (flat.products, flat.queries, flat.k, flat.recall) == (300, 31, 10, 1.0)
    assert 0 < flat.median_ms <= flat.p95_ms
