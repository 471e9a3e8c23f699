"""Lists of several channels become one set of products, each once, with the rank that each channel gave it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.arrays import PADDING
from gnn_search.retrieval.fusion.candidates import join_channels
from gnn_search.retrieval.ranking import Ranking


def ranking(rows: list[list[int]], width: int = 3) -> Ranking:
    """Return lists whose scores fall from 3 in steps of .5."""
    product = np.full((len(rows), width), PADDING, np.int32)
    score = np.full((len(rows), width), -np.inf, np.float32)
    for row, found in enumerate(rows):
        product[row, : len(found)] = found
        score[row, : len(found)] = 3 - 0.5 * np.arange(len(found))
    return Ranking(product, score)


def test_each_product_once_with_ranks_and_scores():
    joined = join_channels({"a": ranking([[7, 2], []]), "b": ranking([[2, 5, 9], [4]])})
    assert joined.row.tolist() == [0, 0, 0, 0, 1]
    assert joined.product.tolist() == [2, 5, 7, 9, 4]
    a, b = joined.found["a"], joined.found["b"]
    assert a.rank.tolist() == [2, 0, 1, 0, 0]
    assert b.rank.tolist() == [1, 2, 0, 3, 1]
    # A product that a channel did not find scores what its last one does, and nothing in an empty list.
    assert a.score.tolist() == [2.5, 2.5, 3, 2.5, 0]
    assert b.score.tolist() == [3, 2.5, 2, 2, 3]
    assert a.first.tolist() == [3, 3, 3, 3, 0]


def test_the_best_with_ties_by_product_and_padding():
    joined = join_channels({"a": ranking([[7, 2], []]), "b": ranking([[2, 5, 9], []])})
    best = joined.best(np.array([1.0, 2.0, 1.0, 0.5]), 3)
    assert best.product.tolist() == [[5, 2, 7], [PADDING] * 3]
    assert best.score.tolist() == [[2, 1, 1], [-np.inf] * 3]
    assert best.ranks["a"].tolist() == [[0, 2, 1], [0, 0, 0]]
    assert best.ranks["b"].tolist() == [[2, 1, 0], [0, 0, 0]]


def test_lists_that_are_all_empty():
    joined = join_channels({"a": ranking([[], []]), "b": ranking([[], []])})
    assert len(joined.product) == 0
    assert joined.best(np.empty(0), 2).product.tolist() == [[PADDING] * 2] * 2


LISTS = st.lists(st.lists(st.integers(0, 9), max_size=3, unique=True), min_size=2, max_size=2)


@given(LISTS, LISTS)
def test_nothing_is_lost_and_nothing_is_twice(first, second):
    joined = join_channels({"a": ranking(first), "b": ranking(second)})
    expected = [(row, product) for row in range(2) for product in sorted({*first[row], *second[row]})]
    assert list(zip(joined.row.tolist(), joined.product.tolist(), strict=True)) == expected
    for name, rows in (("a", first), ("b", second)):
        ranks = [rows[row].index(product) + 1 if product in rows[row] else 0 for row, product in expected]
        assert joined.found[name].rank.tolist() == ranks
