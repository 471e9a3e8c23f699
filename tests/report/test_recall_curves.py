"""Recall at every cut-off, from ranks."""

from __future__ import annotations

import polars as pl
import pytest

from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.report.curves import recall_at_each_k, recall_curves


def test_by_hand():
    """The first case finds one of two at place 2, the other at 4; the second nothing; the third its only one at 1."""
    ranks = pl.Series([[4, 2], [None, None], [1]], dtype=pl.List(pl.UInt16))
    assert recall_at_each_k(ranks, 5) == pytest.approx([1 / 3, 1 / 2, 1 / 2, 2 / 3, 2 / 3])
    # What stands further down does not count.
    assert recall_at_each_k(ranks, 3) == pytest.approx([1 / 3, 1 / 2, 1 / 2])


def test_nothing_found():
    assert recall_at_each_k(pl.Series([[None], [None, None]], dtype=pl.List(pl.UInt16)), 2) == (0.0, 0.0)


def test_the_curves_meet_the_evaluation(runs):
    run = RunFolder.open(runs[1])
    evaluation = run.evaluation
    curves = recall_curves(run)
    assert [curve.method for curve in curves] == list(evaluation.methods)
    for curve in curves:
        assert len(curve.recall) == max(evaluation.k)
        for k in evaluation.k:
            assert curve.recall[k - 1] == pytest.approx(evaluation.score(curve.method, "all", "recall", k).mean, abs=1e-9)
