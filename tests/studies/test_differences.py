"""Paired differences over seeds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.studies.differences import differences, summarise_variant
from gnn_search.studies.result import Recall, RunResult
from gnn_search.studies.runs import MeasuredRun


def measured(seed: int, values: list[float], user: list[int], slices: tuple[str, ...] = ("all",)) -> MeasuredRun:
    """A run whose cases all count in each of its slices, with one cut-off."""
    result = RunResult(
        name="x",
        seed=seed,
        cases=len(values),
        slices=slices,
        k=(10,),
        recalls=tuple(Recall(channel="reranked", slice=part, k=10, mean=float(np.nanmean(values)), cases=len(values)) for part in slices),
        validations=(),
        training={"steps": 10 + seed, "seconds": 1.0, "cpu_seconds": 2.0},
        seconds=1.0,
        cpu_seconds=1.0,
    )
    return MeasuredRun(result, np.array(user, dtype=np.int32), {"reranked": np.array([[values]] * len(slices))})


def test_seeds_are_pooled_and_shown_alone():
    base = [measured(0, [0, 0, 1], [1, 2, 2]), measured(1, [1, 1], [1, 3])]
    runs = [measured(0, [1, 0, 1], [1, 2, 2]), measured(1, [0, 1], [1, 3])]
    (found,) = differences(runs, base, 200)
    assert found.mean == pytest.approx(0)
    assert found.by_seed == pytest.approx((1 / 3, -1 / 2))
    assert found.cases == 5
    # All that differs is of one shopper, in whom it evens out.
    assert (found.low, found.high) == (0, 0)


def test_the_sign_says_variant_minus_reference():
    (found,) = differences([measured(0, [0, 0], [1, 2])], [measured(0, [1, 1], [1, 2])], 50)
    assert (found.mean, found.low, found.high) == (-1, -1, -1)


def test_cases_that_do_not_count_in_a_slice_are_left_out():
    runs, base = [measured(0, [1, np.nan, 0], [1, 2, 3])], [measured(0, [0, np.nan, 0], [1, 2, 3])]
    (found,) = differences(runs, base, 50)
    assert (found.mean, found.cases) == (0.5, 2)


def test_a_slice_that_a_seed_lacks_is_left_out():
    runs = [measured(0, [1], [1], ("all", "new query")), measured(1, [1], [1])]
    assert [one.slice for one in differences(runs, runs, 10)] == ["all"]
    summary = summarise_variant("x", runs, None, 10)
    assert [one.slice for one in summary.recalls] == ["all"]
    assert (summary.differences, summary.steps) == ((), 10.5)
