"""Several windows put together."""

from __future__ import annotations

import statistics

import pytest

from gnn_search.errors import RequestError
from gnn_search.evaluation.result import Difference, Evaluation, Score
from gnn_search.evaluation.windows import summarise_windows


def window(time: int, mean: float, lead: float, *, slices=("all", "new"), methods=("model", "list"), **changes) -> Evaluation:
    """Return an evaluation whose reference leads by `lead` ± .1; in other slices than all everything is halved."""
    part_of = {name: 1.0 if name == "all" else 0.5 for name in slices}
    key = {"metric": "recall", "k": 10, "cases": 40 + time, "users": 9 + time}
    return Evaluation.model_validate(
        {
            **{"graph": "shop", "graph_hash": str(time), "time": time, "cases": 40 + time, "users": 9, "candidates": 99, "k": (10,)},
            **{"n_resamples": 10, "seed": 0, "methods": methods, "slices": slices, "reference": "model", "costs": ()},
            "scores": [
                Score(method=method, slice=name, mean=mean * part, low=0, high=1, **key)
                for method in methods
                for name, part in part_of.items()
            ],
            "differences": [
                Difference(
                    method=method, slice=name, mean=lead * part, low=lead * part - 0.1, high=lead * part + 0.1, reference="model", **key
                )
                for method in methods[1:]
                for name, part in part_of.items()
            ],
            **changes,
        }
    )


def test_mean_and_spread_by_hand():
    found = summarise_windows({"b": window(2, 0.6, 0.3), "a": window(1, 0.4, -0.2), "c": window(3, 0.5, 0.05)})
    assert found.times == (1, 2, 3)
    assert found.cases == (41, 42, 43)
    score = next(one for one in found.scores if (one.method, one.slice) == ("list", "all"))
    assert score.values == (0.4, 0.6, 0.5)
    assert (score.mean, score.low, score.high) == (pytest.approx(0.5), 0.4, 0.6)
    assert score.deviation == pytest.approx(statistics.stdev([0.4, 0.6, 0.5])) == pytest.approx(0.1)
    difference = next(one for one in found.differences if one.slice == "all")
    assert difference.mean == pytest.approx(0.05)
    assert (difference.better, difference.worse) == (1, 1)
    half = next(one for one in found.differences if one.slice == "new")
    assert (half.better, half.worse) == (1, 0)


def test_only_what_all_windows_have_is_told():
    found = summarise_windows(
        {"a": window(1, 0.4, 0.1, slices=("all", "new", "old")), "b": window(2, 0.4, 0.1, methods=("model", "other", "list"))}
    )
    assert found.slices == ("all", "new")
    assert found.methods == ("model", "list")
    assert {(one.method, one.slice) for one in found.scores} == {(m, s) for m in found.methods for s in found.slices}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (window(1, 0.4, 0.1), "a and b are both of the window that starts at 1970-01-01 .*; give one of each window"),
        (window(2, 0.4, 0.1, graph="other"), "b has the graph other and a shop; windows are of one recipe"),
        (window(2, 0.4, 0.1, k=(5,)), r"b has the k \(5,\) and a \(10,\)"),
        (window(2, 0.4, 0.1, reference=None), "b has the reference None and a model"),
    ],
)
def test_what_can_not_stand_together_is_refused(second, message):
    with pytest.raises(RequestError, match=message):
        summarise_windows({"a": window(1, 0.4, 0.1), "b": second})


def test_one_alone_is_refused():
    with pytest.raises(RequestError, match="expected evaluations of at least two windows, got 1; build further ones with --back"):
        summarise_windows({"a": window(1, 0.4, 0.1)})
