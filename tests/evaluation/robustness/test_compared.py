"""Comparisons on new words, against hand-made tables and evaluations."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from gnn_search.evaluation.robustness.compared import compare_new_words


def run(perturbed=None, typed=None):
    tables = {"perturbed": perturbed, "typed": typed}
    return SimpleNamespace(new_words=tables.get)


def perturbed(*rows, method="m"):
    names = ("kind", "case", "user_node", "text", "recall", "perturbed_recall", "none", "perturbed_none")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(method=pl.lit(method))


def typed(*rows, method="m"):
    return pl.DataFrame(rows, schema=("id", "query", "kind", "good", "none"), orient="row").with_columns(method=pl.lit(method))


OLD = perturbed(
    ("dropped", 0, 7, "milk", 1.0, 0.5, 0.0, 1.0),
    ("dropped", 1, None, "tea", 0.5, 0.25, None, None),
    ("dropped", 2, 7, "gone", 1.0, 1.0, 0.0, 0.0),
    ("swapped", 0, 7, "mlik", 1.0, 0.0, 0.0, 1.0),
)
NEW = perturbed(
    ("dropped", 1, None, "tea", 0.5, 0.75, None, None),
    ("dropped", 0, 7, "milk", 1.0, 1.0, 0.0, 0.0),
    ("dropped", 3, 7, "other", 1.0, 1.0, 0.0, 0.0),
    ("swapped", 0, 7, "mlki", 1.0, 0.0, 0.0, 1.0),
)


def test_queries_that_all_have_are_compared():
    found = compare_new_words([("a", run(OLD), "m"), ("b", run(NEW), "m")], 50, 0)
    assert found.typed == ()
    # Swapped differently, the query is not the same.
    scores = {(one.method, one.kind): one for one in found.perturbed}
    assert set(scores) == {("a", "dropped"), ("b", "dropped")}
    old, new = scores["a", "dropped"], scores["b", "dropped"]
    assert (old.cases, old.recall.mean, old.perturbed_recall.mean) == (2, 0.75, 0.375)
    assert (new.kept.mean, new.perturbed_none.mean) == (pytest.approx(1.75 / 1.5), 0)
    assert (old.kept.mean, old.perturbed_none.mean) == (0.5, 1)
    differences = {one.metric: one for one in found.differences}
    assert {one.part for one in found.differences} == {"perturbed"}
    assert (differences["recall"].mean, differences["recall"].value_earlier, differences["recall"].queries) == (0.5, 0.375, 2)
    assert (differences["none"].mean, differences["none"].low, differences["none"].queries) == (-1, -1, 1)
    assert (differences["recall"].later, differences["recall"].earlier) == ("b", "a")


def test_typed_queries_by_kind_and_all():
    old = typed(("1", "teas", "plural", 0.5, 0.0), ("2", "brad", "typo", 0.0, 1.0))
    new = typed(("2", "brad", "typo", 0.4, 0.0), ("1", "teas", "plural", 0.2, 0.0))
    found = compare_new_words([("a", run(typed=old), "m"), ("b", run(OLD), "m"), ("c", run(typed=new), "m")], 50, 0)
    assert found.perturbed == ()
    assert {(one.kind, one.metric): round(one.mean, 6) for one in found.differences} == {
        ("all", "good"): 0.05,
        ("all", "none"): -0.5,
        ("plural", "good"): -0.3,
        ("plural", "none"): 0,
        ("typo", "good"): 0.4,
        ("typo", "none"): -1,
    }
    assert {(one.later, one.earlier) for one in found.differences} == {("c", "a")}
    assert {(one.method, one.kind): one.good.mean for one in found.typed}["c", "all"] == pytest.approx(0.3)


def test_a_method_alone_has_nothing_to_compare():
    found = compare_new_words([("a", run(OLD), "m"), ("b", run(OLD), "another"), ("c", run(), "m")], 50, 0)
    assert (found.perturbed, found.typed, found.differences) == ((), (), ())
