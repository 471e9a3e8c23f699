"""Boosted vectors: the inner product is q·p + w·f, and without weights nothing changes."""

from __future__ import annotations

# isort: off
import torch  # noqa: F401
import faiss

# isort: on
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import RequestError
from gnn_search.index.boosting.boost import Boost, QualityBorders, boosted_products, boosted_queries
from gnn_search.index.flat import FlatIndex


def unit(random: np.random.Generator, rows: int, width: int) -> np.ndarray:
    vectors = random.normal(size=(rows, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def made_up(random: np.random.Generator, products: int, **weights: list[float]) -> Boost:
    quality = (random.integers(0, 11, (products, 4)) / 10).astype(np.float32)
    named = tuple(QualityBorders(name=name, source="log", borders=()) for name in ("popularity", "recency"))
    return Boost(named, {action: np.array(values, np.float32) for action, values in weights.items()}, quality, 0)


@given(st.integers(0, 1000), st.sampled_from([1, 16, 100, 128]), st.integers(2, 300))
def test_without_weights_the_ranking_is_bit_for_bit_the_same(seed, width, products):
    random = np.random.default_rng(seed)
    vectors, queries = unit(random, products, width), unit(random, 20, width)
    vectors[1] = vectors[0]
    boost = made_up(random, products, purchase=[0, 0, 0, 0])
    k = min(10, products)
    score, row = FlatIndex.build(vectors).search(queries, k)
    boosted_score, boosted_row = FlatIndex.build(boosted_products(vectors, boost)).search(boosted_queries(queries, boost), k)
    np.testing.assert_array_equal(boosted_row, row)
    assert boosted_score.tobytes() == score.tobytes()


@pytest.mark.parametrize("width", [16, 100, 128])
def test_scores_are_the_cosine_and_the_boost(width):
    random = np.random.default_rng(0)
    vectors, queries = unit(random, 50, width), unit(random, 7, width)
    boost = made_up(random, 50, click=[0.1, -0.2, 0, 0.3], purchase=[1, 2, 3, 4])
    products = boosted_products(vectors, boost)
    assert products.shape == (50, width + 4)
    assert products.dtype == np.float32
    for action, weights in boost.weights.items():
        asked = boosted_queries(queries, boost, action)
        expected = queries @ vectors.T + (boost.quality @ weights)[None, :]
        np.testing.assert_allclose(asked @ products.T, expected, atol=1e-5)


def test_qualities_are_about_as_large_as_the_numbers_of_a_vector():
    boost = made_up(np.random.default_rng(0), 50, purchase=[1, 1, 1, 1])
    products = boosted_products(np.zeros((50, 128), np.float32), boost)
    assert products[:, 128:].max() == np.float32(1 / 8)


def test_the_action_must_be_one_of_the_boost():
    boost = made_up(np.random.default_rng(0), 5, click=[0, 0, 0, 0], purchase=[0, 0, 0, 0])
    queries = np.zeros((1, 4), np.float32)
    with pytest.raises(RequestError, match="weights for click, purchase, none was named; name one"):
        boosted_queries(queries, boost)
    with pytest.raises(RequestError, match="weights for click, purchase, got 'cart'; name one"):
        boosted_queries(queries, boost, "cart")


def test_an_approximate_index_holds_them_as_any_vectors():
    random = np.random.default_rng(0)
    centres = unit(random, 20, 32)
    vectors = centres[random.integers(0, 20, 2000)] + 0.5 * unit(random, 2000, 32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    queries = vectors[::50] + 0.1 * unit(random, 40, 32)
    boost = made_up(random, 2000, purchase=[0.1, -0.05, 0.2, 0])
    products, asked = boosted_products(vectors, boost), boosted_queries(queries, boost)
    exact = FlatIndex.build(products).search(asked, 10)[1]
    assert (exact != FlatIndex.build(vectors).search(queries, 10)[1]).any()
    index = faiss.index_factory(products.shape[1], "HNSW32", faiss.METRIC_INNER_PRODUCT)
    index.add(products)
    found = index.search(asked, 10)[1]
    assert np.mean([len(set(one) & set(other)) / 10 for one, other in zip(found, exact, strict=True)]) > 0.95
