"""Tables of methods by measures."""

from __future__ import annotations

import pytest
from evaluations import hand_made

from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.report.measure_table import further_measures, main_measures, measure_table


def test_rows_marks_and_the_best():
    table = measure_table(hand_made(), [Measure("recall", 10), Measure("novelty", 10)])
    assert [row.method for row in table.rows] == ["gnn-search", "own_history", "gnn-search, no user", "bm25"]
    assert [row.role for row in table.rows] == ["model", "other", "part", "other"]
    first = [row.cells[0] for row in table.rows]
    assert [cell.mark for cell in first] == [None, "below", "below", "below"]
    assert [cell.best for cell in first] == [True, False, False, False]
    assert first[1].mean == pytest.approx(0.55)
    assert [(column.name, column.percent) for column in table.columns] == [("recall@10", True), ("novelty@10", False)]
    # No merit in a list that is merely newer.
    assert all(row.cells[1].mark is None and not row.cells[1].best for row in table.rows)


def test_above_and_level():
    table = measure_table(hand_made({"all": {"own_history": -0.1, "bm25": 0.0}}), [Measure("recall", 10)])
    assert {row.method: row.cells[0].mark for row in table.rows} == {"own_history": "above", "gnn-search": None, "bm25": "level"}


def test_every_measure_stands_in_one_table():
    evaluation = hand_made()
    assert main_measures(evaluation) == [Measure("recall", 10), Measure("recall", 100)]
    assert further_measures(evaluation) == [[Measure("novelty", 10)]]
