"""The cases that a study measures on."""

from __future__ import annotations

import numpy as np
import pytest
from towers import tiny_config

from gnn_search.errors import RequestError
from gnn_search.graph.cases import build_cases, take_cases
from gnn_search.studies.measuring import Measuring, measuring_of, study_cases


def keys(cases) -> list[tuple]:
    case = cases.case_of_row()
    rows = zip(case, cases.product, cases.repeat, strict=True)
    return [(cases.user[i], cases.query[i], product, repeat, *cases.labels.row(i)) for i, product, repeat in rows]


def test_some_of_the_cases(tiny_graph):
    cases = build_cases(tiny_graph, "validation")
    rows = np.array([0, 3, 4], dtype=np.int64)
    some = take_cases(cases, rows)
    assert len(some) == some.labels.height == 3
    assert keys(some) == [key for i, key in zip(cases.case_of_row(), keys(cases), strict=True) if i in rows]


@pytest.mark.parametrize("seed", [0, 1])
def test_what_a_walk_term_is_fitted_on_is_left_out(tiny_graph, seed):
    everything, fitted = build_cases(tiny_graph, "validation"), build_cases(tiny_graph, "validation", 20, seed)
    left = study_cases(tiny_graph, Measuring("validation", None, 20), seed)
    assert len(left) == len(everything) - 20
    assert sorted(map(str, keys(left) + keys(fitted))) == sorted(map(str, keys(everything)))
    assert len(study_cases(tiny_graph, Measuring("validation", 5, 20), seed)) == 5


def test_with_nothing_fitted_the_sample_is_that_of_evaluate(tiny_graph):
    assert keys(study_cases(tiny_graph, Measuring("test", 9, 0), 3)) == keys(build_cases(tiny_graph, "test", 9, 3))


def test_none_is_left(tiny_graph):
    with pytest.raises(RequestError, match=r"the reranker is fitted on all \d+ validation cases of .*, so none is left to measure on"):
        study_cases(tiny_graph, Measuring("validation", None, 12_000), 0)


def test_the_largest_fit_counts_for_all_models():
    some, more, off = (tiny_config(reranker=settings) for settings in ({"cases": 5}, {"cases": 7}, {"cases": 99, "enabled": False}))
    assert measuring_of([some, more, off], "validation", 3) == Measuring("validation", 3, 7)
    assert measuring_of([off], "validation", None).fitted == 0
    assert measuring_of([some], "test", None).fitted == 0
