"""Tables of new words: what they say, and that they fit."""

from __future__ import annotations

import io

from rich.console import Console, Group

from gnn_search.evaluation.robustness.perturbations import PERTURBATIONS
from gnn_search.evaluation.robustness.result import MeanInterval, PerturbedKind, PerturbedResult, PerturbedScore, TypedResult, TypedScore
from gnn_search.evaluation.robustness.table import new_word_tables


def interval(mean):
    return MeanInterval(mean=mean, low=mean - 0.025, high=mean + 0.025)


def lines(perturbed, typed):
    stream = io.StringIO()
    Console(file=stream, width=140).print(Group(*new_word_tables(perturbed, typed)))
    return stream.getvalue().splitlines()


def perturbed_result(methods):
    kinds = [
        PerturbedKind(kind=kind, unchanged=7, in_log=3, changed=1990, sampled=500, examples=(("croutons", "coutons"),))
        for kind in PERTURBATIONS
    ]
    scores = [
        PerturbedScore(
            method=method,
            kind=kind,
            cases=500,
            recall=interval(0.5),
            perturbed_recall=interval(0.4),
            kept=interval(0.8123),
            none=interval(0.0123),
            perturbed_none=interval(0.2789),
        )
        for method in methods
        for kind in PERTURBATIONS
    ]
    return PerturbedResult(k=10, queries=2000, limit=500, kinds=tuple(kinds), scores=tuple(scores))


def test_kept_recall_and_lists_without_the_categories():
    found = lines(perturbed_result(["gnn-search, vectors", "query_popularity_then_bm25"]), None)
    assert max(map(len, found)) <= 100
    text = " ".join(" ".join(found).split())
    assert text.count("81.2 ±2.5") == 10
    assert text.count("27.9 ±2.5") == 10
    assert "at most 500 a kind ('coutons' for 'croutons')" in text
    assert "letter left out 7 and 3, letters swapped 7 and 3" in text


def test_typed_queries_stand_four_kinds_a_table():
    kinds = ("all", "a_rather_long_name_of_a_kind", "b", "c", "d")
    scores = [TypedScore(method="bm25", kind=kind, queries=12, good=interval(0.5), none=interval(0.25)) for kind in kinds]
    typed = TypedResult(k=10, queries=48, in_log=2, unknown_paths=0, unanswerable=0, kinds=kinds, scores=tuple(scores))
    found = lines(None, typed)
    assert max(map(len, found)) <= 100
    text = "\n".join(found)
    assert text.count("48 typed queries (2 of them in the log): good@10 and none@10, %") == 2
    assert (text.count("50.0 ±2.5"), text.count("25.0 ±2.5")) == (5, 5)
    assert lines(None, None) == []
