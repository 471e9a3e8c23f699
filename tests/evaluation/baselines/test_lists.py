from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.evaluation.baselines.lists import first_of_each, join_lists, ranking_of

some_list = st.lists(st.integers(0, 12), unique=True, max_size=6)


def padded(lists, width):
    return np.array([products + [-1] * (width - len(products)) for products in lists], dtype=np.int32).reshape(len(lists), width)


@given(st.lists(st.tuples(some_list, some_list), min_size=1, max_size=5), st.integers(1, 14))
def test_join_keeps_the_first_of_each(pairs, k):
    joined = join_lists(padded([first for first, _ in pairs], 6), padded([second for _, second in pairs], 6), k)
    expected = [list(dict.fromkeys(first + second))[:k] for first, second in pairs]
    assert (joined == padded(expected, k)).all()


@given(st.lists(some_list, min_size=1, max_size=5), st.integers(1, 8), st.lists(st.integers(-1, 4), max_size=6))
def test_first_of_each_is_the_start_of_the_row(rows, k, asked):
    asked = [row for row in asked if row < len(rows)]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    product = np.array([product for row in rows for product in row], dtype=np.int32)
    found = first_of_each(indptr, product, np.array(asked, dtype=np.int32), k)
    assert (found == padded([rows[row][:k] if row >= 0 else [] for row in asked], k)).all()


def test_scores_fall_with_the_rank():
    ranking = ranking_of(np.array([[4, 2, -1]], dtype=np.int32))
    assert ranking.score.tolist() == [[1.0, 0.5, -np.inf]]
