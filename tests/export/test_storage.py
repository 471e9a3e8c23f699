"""Numbers are turned and turned back within what their kind can hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.export.storage import Storage


def unit(seed: int, rows: int, width: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_hand_made():
    storage = Storage.fit("int8", [np.array([[0.5, -0.25]], np.float32), np.array([[0.1, 0]], np.float32)])
    assert storage.scale == pytest.approx(0.5 / 127)
    assert storage.encode(np.array([[0.5, -0.25, 0.1, 0]], np.float32)).tolist() == [[127, -64, 25, 0]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30))
def test_no_number_is_farther_off_than_half_a_step(seed, rows, width):
    vectors = unit(seed, rows, width)
    storage = Storage.fit("int8", [vectors[: rows // 2], vectors[rows // 2 :]])
    stored = storage.encode(vectors)
    assert stored.dtype == np.int8
    assert np.abs(stored.astype(int)).max() == 127
    assert np.abs(storage.decode(stored) - vectors).max() <= storage.scale * 0.5001


@pytest.mark.parametrize(("dtype", "error"), [("float32", 0), ("float16", 2**-11)])
def test_floats(dtype, error):
    vectors = unit(0, 50, 8)
    storage = Storage.fit(dtype, [vectors])
    assert storage.scale == 1
    assert storage.encode(vectors).dtype == dtype
    assert storage.decode(storage.encode(vectors)).dtype == np.float32
    assert np.abs(storage.decode(storage.encode(vectors)) - vectors).max() <= error


def test_nothing_and_zeros():
    for tables in ([], [np.zeros((0, 4), np.float32)], [np.zeros((3, 4), np.float32)]):
        storage = Storage.fit("int8", tables)
        assert storage.scale == 1
        assert not storage.encode(np.zeros((2, 4), np.float32)).any()
