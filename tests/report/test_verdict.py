"""The answers in plain sentences."""

from __future__ import annotations

import pytest
from evaluations import LEADS, hand_made

from gnn_search.audit.check import AuditReport, Finding
from gnn_search.evaluation.compare import compare
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.report.data_card import DataCard
from gnn_search.report.search_speed import SearchSpeed, SingleSearch, costs_of
from gnn_search.report.slice_findings import find_slices
from gnn_search.report.verdict import reach_verdict
from gnn_search.report.wording import points


def audit(*severities: str) -> AuditReport:
    findings = tuple(Finding(severity=one, count=1, meaning="m", advice="a", check=f"check-{one}") for one in severities)
    return AuditReport(graph="g", graph_hash="0", model=None, model_hash=None, findings=findings, clean={"other": "w"}, skipped={})


DATA = DataCard(name="shop", description="Made by hand.", counts={}, periods=(), split="", question="", caveats=())


def speed_of(evaluation) -> SearchSpeed:
    single = SingleSearch(searches=200, k=10, median_ms=7.04, p95_ms=9.5, p99_ms=12.0)
    return SearchSpeed(k=10, methods=costs_of(evaluation), single=single, indices=(), threads=2, processor="a processor")


def verdict(leads=LEADS, found=None):
    evaluation = hand_made(leads)
    return reach_verdict(evaluation, find_slices(evaluation), DATA, found or audit(), speed_of(evaluation))


def answers(reached) -> dict[str, str]:
    return {one.question: one.answer for one in reached.answers}


def test_better():
    reached = verdict()
    assert reached.outcome == "better"
    assert reached.sentence == (
        "Yes, it is better: gnn-search has a recall of 60.0 % within the first 10 products, over 990 cases of 99 users; the strongest "
        "other method, own_history, 55.0 %."
    )
    text = answers(reached)
    assert text["Than what?"].startswith("Significantly better than own_history and bm25. own_history, the strongest of them, ranks by")
    assert text["By how much?"].startswith(
        "+5.0 percentage points of recall@10 against own_history, +9.1 % of its own (95 % interval +4.0 to +6.0; p ≤ 0.01 after Holm's"
    )
    assert "true difference of 1.2 points would show" in text["By how much?"]
    assert text["For whom?"].startswith("In 1 of 2 slices with enough users")
    assert "first-time (+10.0 points, +9.0 to +11.0 against own_history)" in text["For whom?"]
    assert "worse than another method: repeat (-2.0 points, -3.0 to -1.0)" in text["For whom not?"]
    assert "Too few users to say: new query (" in text["For whom not?"]
    assert "+15.0 points of recall@10 (+14.0 to +16.0), significant" in text["Does it help to know the user?"]
    assert text["On which data?"] == "Made by hand."
    assert text["What does it cost?"].startswith("7.0 ms for one search (9.5 ms or less in 95 of 100), on a processor, 2 threads; in large")


def test_what_is_told_of_a_slice_that_is_level():
    leads = {"all": {"bm25": 0.1}, "first-time": {"bm25": 0.0}}
    text = answers(verdict(leads))["For whom not?"]
    assert text == "Ahead, but not proven, as the tests are corrected for their number: first-time (+0.0 points, -1.0 to +1.0)."


def test_what_the_data_are_and_what_the_audit_warns_of():
    """Warnings by what they mean, and the note that queries name categories; no other note."""
    text = answers(verdict(found=audit("warning", "note")))["On which data?"]
    assert text == "Made by hand. m"
    named = AuditReport(
        graph="g",
        graph_hash="0",
        model=None,
        model_hash=None,
        findings=(Finding(severity="note", count=1, meaning="They name it.", advice="a", check="named-queries"),),
        clean={},
        skipped={},
    )
    assert answers(verdict(found=named))["On which data?"] == "Made by hand. They name it."


@pytest.mark.parametrize(("lead", "outcome", "start"), [(-0.05, "worse", "No, it is not better"), (0.0, "level", "Undecided")])
def test_not_better(lead, outcome, start):
    reached = verdict({"all": {"own_history": lead, "bm25": 0.3}})
    assert reached.outcome == outcome
    assert reached.sentence.startswith(start)


def test_nothing_to_compare_with():
    reached = verdict({"all": {"gnn-search, no user": 0.1}})
    assert reached.outcome == "alone"
    assert answers(reached)["Than what?"] == "Nothing else was measured."


def test_trust_hangs_on_the_audit():
    assert (
        "2 checks for leaks and faults found no error, a note in check-note; " in answers(verdict(found=audit("note")))["Can I trust it?"]
    )
    text = answers(verdict(found=audit("error", "warning")))["Can I trust it?"]
    assert "found an error in check-error: the figures are wrong until that is fixed" in text


def test_earlier_runs_are_named(runs):
    old, new = (RunFolder.open(run) for run in runs)
    evaluation = new.evaluation
    compared = compare([old, new], n_resamples=20)
    (answer,) = [
        one.answer
        for one in reach_verdict(evaluation, find_slices(evaluation), DATA, audit(), speed_of(evaluation), compared).answers
        if one.question == "Better than the earlier runs?"
    ]
    mean = evaluation.score("gnn-search", "all", "recall", 10).mean - old.evaluation.score("gnn-search", "all", "recall", 10).mean
    assert answer.startswith(f"{points(mean)} points against {old.path} (")
