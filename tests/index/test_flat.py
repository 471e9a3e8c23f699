"""The exact index finds what a sort of all scores finds, whatever else is in the call."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.errors import ArtefactError, OutputExistsError, RequestError
from gnn_search.index.flat import FlatIndex
from gnn_search.index.store import open_flat_index, save_index
from gnn_search.layout import read_json, write_json


def unit(random: np.random.Generator, rows: int, dimension: int) -> np.ndarray:
    vectors = random.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def plain(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    score = (queries.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(score, order, axis=1), order


def test_hand_made():
    vectors = np.array([[0, 1], [1, 0], [0.6, 0.8], [1, 0]], np.float32)
    score, row = FlatIndex.build(vectors).search(np.array([[1, 0]], np.float32), 3)
    assert row.tolist() == [[1, 3, 2]]
    assert score.tolist() == [[1.0, 1.0, pytest.approx(0.6)]]
    assert (score.dtype, row.dtype) == (np.float32, np.int32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 20), st.data())
def test_equals_a_sort_of_all_scores(seed, rows, dimension, data):
    random = np.random.default_rng(seed)
    vectors = unit(random, rows, dimension)
    # Repeated rows make ties, also at the end of the list.
    vectors = vectors[random.integers(0, data.draw(st.integers(1, rows)), rows)]
    queries = unit(random, 7, dimension)
    queries[3] = 0
    k = data.draw(st.integers(1, rows))
    score, row = FlatIndex.build(vectors).search(queries, k)
    expected_score, expected_row = plain(vectors, queries, k)
    assert np.array_equal(score, expected_score)
    assert np.array_equal(row, expected_row)


def test_more_ties_than_candidates():
    random = np.random.default_rng(0)
    vectors = np.repeat(unit(random, 3, 8), 200, axis=0)[random.permutation(600)]
    queries = unit(random, 5, 8)
    for found, expected in zip(FlatIndex.build(vectors).search(queries, 10), plain(vectors, queries, 10), strict=True):
        assert np.array_equal(found, expected)


def test_a_zero_query_gets_the_first_products_with_score_zero():
    score, row = FlatIndex.build(unit(np.random.default_rng(0), 500, 8)).search(np.zeros((2, 8), np.float32), 4)
    assert row.tolist() == [[0, 1, 2, 3]] * 2
    assert not score.any()


def test_a_list_does_not_depend_on_the_others_in_the_call():
    random = np.random.default_rng(0)
    index = FlatIndex.build(unit(random, 3000, 32))
    queries = unit(random, 1500, 32)
    score, row = index.search(queries, 20)
    order = random.permutation(1500)
    for part in np.split(order, [1, 40, 300]):
        again_score, again_row = index.search(queries[part], 20)
        assert np.array_equal(again_score, score[part])
        assert np.array_equal(again_row, row[part])


def test_no_query():
    score, row = FlatIndex.build(np.eye(3, dtype=np.float32)).search(np.empty((0, 3), np.float32), 2)
    assert score.shape == row.shape == (0, 2)


@pytest.mark.parametrize(
    ("k", "message"),
    [(4, "k is 4, larger than the catalogue of 3 products; give at most 3"), (0, "k is 0; give the number of products wanted, at least 1")],
)
def test_k_that_cannot_be(k, message):
    with pytest.raises(RequestError, match=message):
        FlatIndex.build(np.eye(3, dtype=np.float32)).search(np.eye(3, dtype=np.float32), k)


@pytest.fixture
def saved(tmp_path):
    vectors = unit(np.random.default_rng(0), 50, 8)
    save_index(FlatIndex.build(vectors), tmp_path / "index", pl.Series("product_id", [f"é{i}" for i in range(50)]), {"model_hash": "abc"})
    return tmp_path / "index"


def test_saved_and_opened(saved):
    vectors = unit(np.random.default_rng(0), 50, 8)
    index = open_flat_index(saved)
    assert index.ids is not None
    assert index.ids.to_list() == [f"é{i}" for i in range(50)]
    for found, expected in zip(index.search(vectors[:5], 9), FlatIndex.build(vectors).search(vectors[:5], 9), strict=True):
        assert np.array_equal(found, expected)
    manifest = read_json(saved / "index.json", "an index folder")
    assert {key: manifest[key] for key in ("kind", "metric", "dimension", "count", "id_column", "model_hash")} == {
        "kind": "flat", "metric": "inner_product", "dimension": 8, "count": 50, "id_column": "product_id", "model_hash": "abc",
    }  # fmt: skip


def test_does_not_write_over_another(saved):
    with pytest.raises(OutputExistsError, match="already exists"):
        save_index(FlatIndex.build(np.eye(3, dtype=np.float32)), saved, pl.Series("product_id", [1, 2, 3]))


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "index.json").unlink(), "is not an index folder: index.json is missing"),
        (lambda folder: (folder / "index.faiss").unlink(), "index.faiss is missing"),
        (lambda folder: cut(folder / "index.faiss"), "its files differ from those that were written"),
        (lambda folder: cut(folder / "ids.parquet"), "its files differ from those that were written"),
        (lambda folder: write_json(folder / "index.json", {"format_version": 3}), r"index.json is damaged \(.kind.: Field required\)"),
        (lambda folder: write_json(folder / "index.json", {"format_version": 99}), "is of format version 99, this program reads 3"),
    ],
)
def test_damaged(saved, damage, message):
    damage(saved)
    with pytest.raises(ArtefactError, match=message):
        open_flat_index(saved)


@pytest.mark.parametrize("asked", [1, 40])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.1, 0.002, 0.0])
def test_a_filter_is_exact(asked, share):
    random = np.random.default_rng(4)
    vectors = unit(random, 2000, 12)[random.integers(0, 1500, 2000)]
    queries = unit(random, asked, 12)
    queries[asked // 2] = 0 if asked > 1 else queries[0]
    allowed = random.random(2000) < share
    rows = np.flatnonzero(allowed)
    filled = min(10, len(rows))
    expected_score, place = plain(vectors[rows], queries, filled)
    index = FlatIndex.build(vectors)
    for given_as in (allowed, rows, rows[::-1].astype(np.int32)):
        score, row = index.search(queries, 10, given_as)
        assert np.array_equal(score, expected_score)
        assert np.array_equal(row, rows[place])


def test_a_filter_with_more_ties_than_candidates():
    random = np.random.default_rng(0)
    vectors = np.repeat(unit(random, 3, 8), 200, axis=0)[random.permutation(600)]
    query, rows = unit(random, 1, 8), np.arange(0, 600, 2)
    score, row = FlatIndex.build(vectors).search(query, 10, rows)
    expected_score, place = plain(vectors[rows], query, 10)
    assert np.array_equal(score, expected_score)
    assert np.array_equal(row, rows[place])


@pytest.mark.parametrize("pairs", [0, 1, 50, 70_000])
def test_the_products_of_given_pairs(pairs):
    random = np.random.default_rng(0)
    vectors, queries = unit(random, 60, 20), unit(random, 9, 20)
    query, row = random.integers(0, 9, pairs), random.integers(0, 60, pairs).astype(np.int32)
    found = FlatIndex.build(vectors).similarity(queries, query, row)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, (queries.astype(np.float64) @ vectors.astype(np.float64).T)[query, row], rtol=0, atol=1e-15)


def test_the_products_of_pairs_are_those_of_a_search():
    random = np.random.default_rng(1)
    index, queries = FlatIndex.build(unit(random, 60, 20)), unit(random, 9, 20)
    score, row = index.search(queries, 60)
    found = index.similarity(queries, np.repeat(np.arange(9), 60), row.ravel())
    assert np.array_equal(found.astype(np.float32).reshape(9, 60), score)
