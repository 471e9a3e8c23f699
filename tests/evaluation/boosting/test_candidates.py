"""Places from few candidates are those of a search of the whole catalogue."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_search.evaluation.boosting.candidates import BoostCandidates
from gnn_search.evaluation.metrics.hits import find_places
from gnn_search.graph.cases import Cases
from gnn_search.index.boosting.boost import Boost, QualityBorders, boosted_products, boosted_queries
from gnn_search.index.flat import FlatIndex

NAMED = tuple(QualityBorders(name=name, source="log", borders=()) for name in ("popularity", "recency"))


def unit(random: np.random.Generator, rows: int, width: int) -> np.ndarray:
    vectors = random.normal(size=(rows, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def made_up(seed: int, count: int, products: int, width: int = 16) -> tuple[Cases, np.ndarray, np.ndarray, np.ndarray]:
    """Return cases, the vectors of their requests and of the products, and qualities; some vectors are equal, one request is zero."""
    random = np.random.default_rng(seed)
    vectors, requests = unit(random, products, width), unit(random, count, width)
    vectors[products // 2 :: 7] = vectors[0]
    requests[0] = 0
    chosen = [np.sort(random.choice(products, random.integers(1, 4), replace=False)) for _ in range(count)]
    sizes = [len(one) for one in chosen]
    cases = Cases(
        user=np.arange(count, dtype=np.int32),
        query=np.zeros(count, np.int32),
        indptr=np.r_[0, np.cumsum(sizes)].astype(np.int64),
        product=np.concatenate(chosen).astype(np.int32),
        labels=pl.DataFrame(),
        repeat=np.zeros(sum(sizes), np.bool_),
        time=0,
    )
    return cases, requests, vectors, (random.integers(0, 11, (products, 4)) / 10).astype(np.float32)


def searched(cases: Cases, requests: np.ndarray, vectors: np.ndarray, quality: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Return the places that a search of all boosted products gives."""
    boost = Boost(NAMED, {"purchase": weights}, quality, 0)
    lists = FlatIndex.build(boosted_products(vectors, boost)).search(boosted_queries(requests, boost), min(k, len(vectors)))[1]
    row, place = find_places(lists, np.arange(len(cases), dtype=np.int64), cases)
    places = np.zeros(len(cases.product), np.int32)
    places[row] = place
    return places


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([0.0, 0.02, 0.1, 0.5, 3.0]), st.sampled_from([1, 5, 10]))
def test_places_are_those_of_a_whole_search(seed, depth, strength, k):
    cases, requests, vectors, quality = made_up(seed, 15, 60)
    candidates = BoostCandidates(FlatIndex.build(vectors), requests, cases, quality, depth=depth, budget=1000)
    random = np.random.default_rng(seed + 1)
    for _ in range(3):
        weights = (random.normal(size=4) * strength).astype(np.float32)
        found = candidates.places(weights, k)
        assert found is not None
        np.testing.assert_array_equal(found, searched(cases, requests, vectors, quality, weights, k))


def test_candidates_are_widened_only_where_a_boost_needs_it():
    cases, requests, vectors, quality = made_up(0, 40, 500)
    candidates = BoostCandidates(FlatIndex.build(vectors), requests, cases, quality, depth=20, budget=1000)
    candidates.places(np.zeros(4, np.float32), 5)
    plain = candidates.pairs
    assert plain <= 40 * 20 * 4
    candidates.places(np.array([1, -1, 1, -1], np.float32), 5)
    assert plain < candidates.pairs <= 40 * 500


def test_a_boost_beyond_the_budget_is_refused_and_others_stay_exact():
    cases, requests, vectors, quality = made_up(1, 40, 500)
    candidates = BoostCandidates(FlatIndex.build(vectors), requests, cases, quality, depth=20, budget=4)
    weak = np.full(4, 0.01, np.float32)
    before = candidates.places(weak, 5)
    assert candidates.places(np.array([5, -5, 5, -5], np.float32), 5) is None
    assert candidates.pairs <= 4 * 20 * 40
    np.testing.assert_array_equal(candidates.places(weak, 5), before)
    np.testing.assert_array_equal(before, searched(cases, requests, vectors, quality, weak, 5))


@pytest.mark.parametrize(("place", "row"), [(1, 0), (3, 2), (1000, 19)])
def test_spread_is_the_distance_to_the_first(place, row):
    cases, requests, vectors, quality = made_up(2, 10, 500)
    candidates = BoostCandidates(FlatIndex.build(vectors), requests, cases, quality, depth=20)
    cosine = -np.sort(-(requests @ vectors.T), axis=1)
    assert candidates.spread(place) == pytest.approx(float(np.mean(cosine[:, 0] - cosine[:, row])), abs=1e-6)
