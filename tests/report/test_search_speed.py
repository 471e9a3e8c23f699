"""Costs and latency."""

from __future__ import annotations

import numpy as np
import pytest
from evaluations import hand_made

from gnn_search.report.search_speed import costs_of, measure_speed


def test_costs_by_hand():
    """1.98 seconds for 990 cases are 2 milliseconds a case."""
    for one in costs_of(hand_made()):
        assert (one.wall_ms, one.cpu_ms) == (pytest.approx(2.0), pytest.approx(4.0))
    assert {one.method: round(one.recall, 6) for one in costs_of(hand_made())}["own_history"] == 0.55


def test_the_exact_index_is_measured_and_exact():
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = np.concatenate([vectors[:30], np.zeros((1, 8), np.float32)])
    speed = measure_speed(hand_made(), vectors, queries)
    (flat,) = speed.indices
    assert (flat.products, flat.queries, flat.k, flat.recall) == (300, 31, 10, 1.0)
    assert 0 < flat.median_ms <= flat.p95_ms
