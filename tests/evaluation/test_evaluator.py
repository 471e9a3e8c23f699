"""Query scores in slices, by actions and of spend, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.hits import Hits
from gnn_search.evaluation.metrics.measure import measures
from gnn_search.evaluation.qrels import Qrels
from gnn_search.evaluation.run import Run

# Two cases: rows 0, 1, 2 of the first, row 3 of the second; the lists hold rows 0 (place 2) and 3 (place 1).
CASE_OF_ROW = np.array([0, 0, 0, 1])
HITS = Hits.from_places(np.array([2, 0, 0, 1], np.int32), CASE_OF_ROW, 2)
QRELS = Qrels(
    CASE_OF_ROW,
    2,
    actions={"click": np.array([True, False, True, False]), "purchase": np.array([False, True, True, True])},
    grade=np.array([1.0, 3, 3, 3]),
    spend=np.array([0.0, 6, 4, 5]),
)
WANTED = measures([2], ["click", "purchase"], graded=True, spend=True)
LIST_VALUES = {"diversity": np.array([1.5, np.nan]), "novelty": np.array([3.0, 5.0]), "repeat_share": np.array([np.nan, np.nan])}


def score(rows):
    """Return {metric: (values, weights)}."""
    scored = Evaluator(QRELS, np.array(rows), WANTED).score_run(Run(HITS, LIST_VALUES))
    weights = scored.weights[scored.kind]
    return {measure.metric: (scored.values[q].tolist(), weights[q].tolist()) for q, measure in enumerate(WANTED)}


def test_all_rows():
    found = score([True] * 4)
    assert found["recall"] == ([pytest.approx(1 / 3), 1], [1, 1])
    assert found["recall:click"] == ([0.5, 0], [1, 0])
    assert found["recall:purchase"] == ([0, 1], [1, 1])
    # What was spent weighs the cases: 5 of 15 were found.
    assert found["recall:spend"] == ([0, 5], [10, 5])
    assert found["diversity"] == ([1.5, 0], [1, 0])
    assert found["novelty"] == ([3, 5], [1, 1])
    assert found["repeat_share"] == ([0, 0], [0, 0])
    gain = 1 / np.log2(3)
    assert found["ndcg:graded"][0] == pytest.approx([gain / (3 + 3 * gain), 1])


def test_a_slice_leaves_rows_out_but_not_their_places():
    found = score([True, False, False, False])
    assert found["recall"] == ([1, 0], [1, 0])
    assert found["mrr"] == ([0.5, 0], [1, 0])
    assert found["recall:purchase"] == ([0, 0], [0, 0])
    assert found["recall:spend"] == ([0, 0], [0, 0])
    assert found["novelty"] == ([3, 0], [1, 0])
    assert found["ndcg:graded"][0] == pytest.approx([1 / np.log2(3), 0])
