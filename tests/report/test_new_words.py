"""The sentence on new words, and the rows of the page's tables."""

from __future__ import annotations

from evaluations import LEADS, hand_made

from gnn_search.evaluation.robustness.result import MeanInterval, PerturbedKind, PerturbedResult, PerturbedScore, TypedResult, TypedScore
from gnn_search.report.new_words import describe_new_words, find_new_words


def interval(mean):
    return MeanInterval(mean=mean, low=mean - 0.1, high=mean + 0.1)


def perturbed(**none):
    kinds = [
        PerturbedKind(kind=kind, unchanged=1, in_log=0, changed=9, sampled=5, examples=(("milk", "mlk"), ("tea", "te")))
        for kind in ("letter left out", "word dropped")
    ]
    scores = [
        PerturbedScore(
            method=method.replace("_", ", "),
            kind=kind.kind,
            cases=5,
            recall=interval(0.5),
            perturbed_recall=interval(0.4),
            kept=interval(0.8),
            none=interval(0.01),
            perturbed_none=None if values[place] is None else interval(values[place]),
        )
        for method, values in none.items()
        for place, kind in enumerate(kinds)
    ]
    return PerturbedResult(k=10, queries=10, limit=5, kinds=tuple(kinds), scores=tuple(scores))


def typed(**good):
    scores = [
        TypedScore(method=method, kind=kind, queries=180, good=interval(value), none=interval(value / 10))
        for method, value in good.items()
        for kind in ("all", "plural")
    ]
    return TypedResult(k=10, queries=180, in_log=3, unknown_paths=0, unanswerable=0, kinds=("all", "plural"), scores=tuple(scores))


def test_one_sentence_beside_words_alone():
    found = hand_made(
        perturbed=perturbed(**{"gnn-search": [0.05, 0.5], "bm25": [0.25, None]}), typed=typed(**{"gnn-search": 0.6, "bm25": 0.3})
    )
    assert describe_new_words(found) == (
        "70 cases have a query that nobody had issued before: there recall@10 is 60.0 % (70.0 %); after a small change of a query the "
        "first 10 hold none of its categories in this share of lists: letter left out 5.0 % (25.0 %), word dropped 50.0 %; of 180 typed "
        "queries 6.0 % (3.0 %) get no product that fits, and 60.0 % (30.0 %) of the first 10 products fit (in brackets bm25, words alone)."
    )


def test_what_was_not_measured_is_left_out():
    leads = {part: {"own_history": 0.1} for part in LEADS if part != "new query"}
    assert describe_new_words(hand_made(leads)) == "No query of the period is new to the log (no method by words alone was measured)."
    found = find_new_words(hand_made(leads))
    assert (found.new_queries, found.perturbed, found.typed, found.examples) == ((), (), (), ())


def test_rows_of_the_tables():
    found = find_new_words(hand_made(perturbed=perturbed(**{"gnn-search": [0.05, 0.5]}), typed=typed(**{"gnn-search": 0.6})))
    assert [score.method for score in found.new_queries] == ["gnn-search", "gnn-search, no user", "own_history", "bm25"]
    assert [(row.kind, row.first.mean, row.before.mean, row.none.mean) for row in found.perturbed] == [
        ("letter left out", 0.8, 0.01, 0.05),
        ("word dropped", 0.8, 0.01, 0.5),
    ]
    assert [(row.kind, row.first.mean, row.before) for row in found.typed] == [("all kinds", 0.6, None), ("plural", 0.6, None)]
    assert found.examples == (("letter left out", "milk", "mlk"), ("word dropped", "milk", "mlk"))
    assert found.typed_in_log == 3
