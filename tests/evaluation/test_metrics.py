from __future__ import annotations

from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_search.evaluation.metrics import Measure, find_relevant, measures, relevant_keys, score_lists
from gnn_search.graph.cases import Cases


def cases_of(*relevant):
    """Return anonymous cases with these relevant products."""
    sizes = [len(products) for products in relevant]
    return Cases(
        user=np.full(len(relevant), -1, dtype=np.int32),
        query=np.zeros(len(relevant), dtype=np.int32),
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        product=np.array([product for products in relevant for product in sorted(products)], dtype=np.int32),
        labels=pl.DataFrame(),
        repeat=np.zeros(sum(sizes), dtype=np.bool_),
        time=0,
    )


def score(lists, relevant, wanted, num_products=100):
    """Return {measure: [value of each list]}."""
    cases = cases_of(*relevant)
    product = np.array(lists, dtype=np.int32)
    rows = find_relevant(product, np.arange(len(cases)), relevant_keys(cases, num_products), num_products)
    values = score_lists(rows >= 0, np.diff(cases.indptr), wanted)
    return {str(measure): row.tolist() for measure, row in zip(wanted, values, strict=True)}


def test_metrics_by_hand():
    lists = [[7, 3, 9, 1], [5, 6, 8, 2], [4, 0, 1, 2]]
    found = score(lists, [[3, 1], [9], [4, 0, 2]], measures([2, 4]))
    assert found["recall@2"] == pytest.approx([1 / 2, 0, 2 / 3])
    assert found["recall@4"] == pytest.approx([1, 0, 1])
    assert found["mrr@2"] == pytest.approx([1 / 2, 0, 1])
    assert found["mrr@4"] == pytest.approx([1 / 2, 0, 1])
    ideal_2, ideal_3 = 1 + 1 / log2(3), 1 + 1 / log2(3) + 1 / 2
    assert found["ndcg@2"] == pytest.approx([1 / log2(3) / ideal_2, 0, 1])
    assert found["ndcg@4"] == pytest.approx([(1 / log2(3) + 1 / log2(5)) / ideal_2, 0, (ideal_2 + 1 / log2(5)) / ideal_3])


def test_recall_divides_by_all_relevant_products_even_if_the_list_is_too_short_for_them():
    found = score([[1, 2]], [[1, 2, 3, 4, 5]], measures([2]))
    assert found["recall@2"] == pytest.approx([2 / 5])
    assert found["ndcg@2"] == pytest.approx([1])


def test_padding_is_never_relevant():
    # Were -1 taken for a number, the padding of case 1 would read as product 99 of case 0.
    found = score([[99, -1, -1], [-1, -1, -1]], [[99], [0]], measures([3]))
    assert found["recall@3"] == [1, 0]
    assert found["mrr@3"] == [1, 0]


def test_lists_shorter_than_the_cut_off_count_as_ending_in_nothing():
    short = score([[3, 4]], [[4, 5]], measures([10, 100]))
    padded = score([[3, 4] + [-1] * 98], [[4, 5]], measures([10, 100]))
    assert short == padded
    assert short["recall@100"] == [1 / 2]


def test_the_relevant_row_is_found():
    cases = cases_of([5, 2], [2], [0, 9])
    rows = find_relevant(np.array([[9, 2, -1, 0]], dtype=np.int32), np.array([2]), relevant_keys(cases, 10), 10)
    assert rows.tolist() == [[4, -1, -1, 3]]


lists_and_truth = st.integers(0, 2**32 - 1).map(lambda seed: _random(np.random.default_rng(seed)))


def _random(random):
    count, length = int(random.integers(1, 6)), int(random.integers(1, 15))
    lists = np.stack([random.permutation(20)[:length] for _ in range(count)])
    relevant = [sorted(random.permutation(20)[: random.integers(1, 20)].tolist()) for _ in range(count)]
    return lists, relevant


@settings(deadline=None)
@given(lists_and_truth)
def test_values_are_shares_and_recall_rises_with_k(drawn):
    lists, relevant = drawn
    found = score(lists, relevant, measures([1, 3, 10, 40]), num_products=20)
    for values in found.values():
        assert all(-1e-6 <= value <= 1 + 1e-6 for value in values)
    for metric in ("recall", "mrr"):
        rising = np.array([found[f"{metric}@{k}"] for k in (1, 3, 10, 40)])
        assert (np.diff(rising, axis=0) >= 0).all()


@settings(deadline=None)
@given(lists_and_truth, st.integers(1, 5), st.booleans())
def test_something_irrelevant_at_the_end_changes_nothing(drawn, more, padding):
    lists, relevant = drawn
    tail = np.full((len(lists), more), -1) if padding else np.tile(np.arange(20, 20 + more), (len(lists), 1))
    longer = np.concatenate([lists, tail], axis=1)
    wanted = measures([1, 5, 40])
    expected = score(lists, relevant, wanted, num_products=30)
    for name, values in score(longer, relevant, wanted, num_products=30).items():
        assert values == pytest.approx(expected[name], rel=1e-6), name


@settings(deadline=None)
@given(lists_and_truth)
def test_metrics_agree_with_their_formulas(drawn):
    lists, relevant = drawn
    found = score(lists, relevant, measures([4]), num_products=20)
    for i, (products, truth) in enumerate(zip(lists[:, :4].tolist(), relevant, strict=True)):
        gains = [product in truth for product in products]
        ideal = sum(1 / log2(place + 2) for place in range(min(4, len(truth))))
        assert found["recall@4"][i] == pytest.approx(sum(gains) / len(truth), abs=1e-6)
        assert found["ndcg@4"][i] == pytest.approx(sum(g / log2(place + 2) for place, g in enumerate(gains)) / ideal, abs=1e-6)
        assert found["mrr@4"][i] == pytest.approx(1 / (gains.index(True) + 1) if any(gains) else 0, abs=1e-6)


def test_measures_name_themselves():
    assert [str(measure) for measure in measures([10])] == ["recall@10", "ndcg@10", "mrr@10"]
    assert Measure("recall", 10) == Measure("recall", 10)
