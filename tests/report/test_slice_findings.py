"""Where the model wins and where it does not."""

from __future__ import annotations

import pytest
from evaluations import LEADS, hand_made

from gnn_search.errors import RequestError
from gnn_search.report.methods import describe_method, others, subject
from gnn_search.report.slice_findings import find_slices


def test_outcomes_by_hand():
    found = {part.name: part for part in find_slices(hand_made())}
    assert {name: part.outcome for name, part in found.items()} == {
        "all": "wins",
        "repeat": "loses",
        "first-time": "wins",
        "new query": "too few",
    }
    strongest = found["repeat"].strongest
    assert strongest is not None
    assert (strongest.method, strongest.mean, strongest.p_adjusted) == ("own_history", -0.02, 0.01)
    # BM25 is the strongest there, though not over all cases.
    assert found["new query"].strongest.method == "bm25"
    assert [bar.method for bar in found["new query"].bars] == ["gnn-search", "gnn-search, no user", "own_history"]
    assert found["all"].bars[2].mean == pytest.approx(0.55)


def test_a_difference_that_may_be_chance_is_level():
    leads = {"all": {"own_history": 0.0, "bm25": 0.3}}
    assert find_slices(hand_made(leads))[0].outcome == "level"


def test_without_another_method():
    (found,) = find_slices(hand_made({"all": {"gnn-search, no user": 0.1}}))
    assert (found.outcome, found.strongest) == ("alone", None)


def test_parts_of_the_model_are_no_rivals():
    assert others(hand_made()) == ["own_history", "bm25"]
    assert describe_method(hand_made(), "gnn-search, no user") == "the model for an anonymous user"
    assert describe_method(hand_made(), "two_tower") == "another trained model, by its vectors"


def test_a_run_without_tests_is_refused():
    with pytest.raises(RequestError, match="tests no method against the others"):
        subject(hand_made(LEADS, reference=None))
