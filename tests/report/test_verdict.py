"""The answers in plain sentences."""

from __future__ import annotations

import pytest
from evaluations import LEADS, hand_made

from gnn_search.audit.finding import AuditReport, Finding
from gnn_search.evaluation.compare import compare
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.report.slice_findings import find_slices
from gnn_search.report.verdict import points, reach_verdict


def audit(*severities: str) -> AuditReport:
    findings = tuple(Finding(severity=one, count=1, meaning="m", advice="a", check=f"check-{one}") for one in severities)
    return AuditReport(graph="g", graph_hash="0", model=None, model_hash=None, findings=findings, clean={"other": "w"}, skipped={})


def verdict(leads=LEADS, found=None):
    evaluation = hand_made(leads)
    return reach_verdict(evaluation, find_slices(evaluation), found or audit())


def answers(reached) -> dict[str, str]:
    return {one.question: one.answer for one in reached.answers}


def test_better():
    reached = verdict()
    assert reached.outcome == "better"
    assert reached.sentence == (
        "Yes, it is better: gnn-search finds 60.0 % of what shoppers then chose within the first 10 products, over 990 cases of 99 "
        "shoppers; the strongest other method, own_history, 55.0 %."
    )
    told = answers(reached)
    assert told["Than what?"].startswith("Significantly better than own_history and bm25. own_history, the strongest of them, ranks by")
    assert "+5.0 percentage points of recall@10 against own_history (95 % interval +4.0 to +6.0; p = 0.0100" in told["By how much?"]
    assert "1.2 points" in told["By how much?"]
    assert told["For whom?"].startswith("In 1 of 2 slices with enough shoppers")
    assert "first-time (+10.0 points)" in told["For whom?"]
    assert "worse than another method: repeat (-2.0 points)" in told["For whom not?"]
    assert "Too few shoppers to say: new query." in told["For whom not?"]
    assert "+15.0 points of recall@10 (+14.0 to +16.0), significant" in told["Does it help to know the shopper?"]


@pytest.mark.parametrize(("lead", "outcome", "start"), [(-0.05, "worse", "No, it is not better"), (0.0, "level", "It can't be told")])
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
    told = answers(verdict(found=audit("error", "warning")))["Can I trust it?"]
    assert "found an error in check-error: the figures are wrong until that is mended" in told


def test_earlier_runs_are_named(runs):
    old, new = (RunFolder.open(run) for run in runs)
    evaluation = new.evaluation
    compared = compare([old, new], draws=20)
    (answer,) = [
        one.answer
        for one in reach_verdict(evaluation, find_slices(evaluation), audit(), compared).answers
        if one.question == "Better than the earlier runs?"
    ]
    mean = evaluation.score("gnn-search", "all", "recall", 10).mean - old.evaluation.score("gnn-search", "all", "recall", 10).mean
    assert answer.startswith(f"{points(mean)} points against {old.path} (")
