"""Rows sorted by time, ranges written out, and many binary searches at once, held against plain loops."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.arrays import bisect_rows, expand_ranges
from gnn_search.graph.csr import Csr, EdgeView


@given(st.lists(st.lists(st.integers(-5, 5), max_size=9), max_size=8), st.integers(-6, 6))
def test_bisect_rows_finds_what_bisect_left_finds(rows, bound):
    rows = [sorted(row) for row in rows]
    values = np.array([value for row in rows for value in row], dtype=np.int64)
    indptr = np.cumsum([0, *map(len, rows)])
    expected = [start + bisect_left(row, bound) for start, row in zip(indptr, rows, strict=False)]
    assert bisect_rows(values, indptr[:-1], indptr[1:], bound).tolist() == expected


@given(st.lists(st.tuples(st.lists(st.integers(-5, 5), max_size=9), st.integers(-6, 6)), max_size=8))
def test_bisect_rows_takes_a_bound_a_row(rows):
    values = np.array([value for row, _ in rows for value in sorted(row)], dtype=np.int64)
    indptr = np.cumsum([0, *(len(row) for row, _ in rows)])
    bounds = np.array([bound for _, bound in rows], dtype=np.int64)
    expected = [start + bisect_left(sorted(row), bound) for start, (row, bound) in zip(indptr, rows, strict=False)]
    assert bisect_rows(values, indptr[:-1], indptr[1:], bounds).tolist() == expected


def test_bisect_rows_stays_inside_a_part_of_a_row():
    assert bisect_rows(np.array([1, 2, 3, 4]), np.array([1]), np.array([3]), 9).tolist() == [3]
    assert bisect_rows(np.array([1, 2, 3, 4]), np.array([1]), np.array([3]), 0).tolist() == [1]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=10))
def test_expand_ranges_is_two_loops(ranges):
    row, position = expand_ranges(np.array([start for start, _ in ranges], np.int64), np.array([end for _, end in ranges], np.int64))
    expected = [(number, place) for number, (start, end) in enumerate(ranges) for place in range(start, end)]
    assert list(zip(row.tolist(), position.tolist(), strict=True)) == expected


def edges(timed: bool = True) -> Csr:
    row = np.array([2, 0, 2, 2], np.int32)
    index = np.array([7, 8, 9, 6], np.int32)
    time = np.array([10, 20, 20, 30], np.int64) if timed else None
    return Csr.from_edges(row, index, time, np.array([1, 2, 3, 4], np.float32), 4)


def test_from_edges_keeps_the_order_of_time_and_of_ties():
    csr = edges()
    assert csr.indptr.tolist() == [0, 1, 1, 4, 4]
    assert csr.index.tolist() == [8, 7, 9, 6]
    assert csr.time is not None
    assert csr.time.tolist() == [20, 10, 20, 30]
    assert csr.weight.tolist() == [2, 1, 3, 4]
    assert (csr.num_rows, csr.num_edges) == (4, 4)


def test_flatten_shows_the_visible_part():
    view = EdgeView(edges(), np.array([0, 1, 2, 4]), np.array([1, 1, 3, 4]))
    row, index, time, weight = view.flatten()
    assert time is not None
    assert (row.tolist(), index.tolist(), time.tolist(), weight.tolist()) == ([0, 2], [8, 9], [20, 20], [2, 3])
    assert view.degree().tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("timed", [True, False])
def test_saved_rows_open_as_they_were(tmp_path, timed):
    csr = edges(timed)
    csr.save(tmp_path / "rows")
    opened = Csr.open(tmp_path / "rows", timed=timed)
    assert isinstance(opened.index, np.memmap)
    for name in ("indptr", "index", "time", "weight"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(csr, name))


def test_no_rows_and_no_edges():
    nothing = np.empty(0, np.int32)
    csr = Csr.from_edges(nothing, nothing, np.empty(0, np.int64), np.empty(0, np.float32), 0)
    assert (csr.num_rows, csr.num_edges) == (0, 0)
    assert bisect_rows(np.empty(0, np.int64), csr.indptr[:-1], csr.indptr[1:], 3).tolist() == []
