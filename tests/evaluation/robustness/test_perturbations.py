"""Perturbed queries against hand-made expectations."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.evaluation.robustness.perturbations import PERTURBATIONS, perturb


def outcomes(text: str, kind: str) -> set[str]:
    """All that becomes of a query, over many keys."""
    count = 400
    return set(perturb(pl.Series([text] * count), np.arange(count), kind, 0).to_list())


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("red milk", "letter left out", {"red mlk", "red mik", "red mil"}),
        ("milk 12-pack tea", "letter left out", {"mlk 12-pack tea", "mik 12-pack tea", "mil 12-pack tea"}),
        ("milk cake", "letters swapped", {"mlik cake", "mikl cake", "milk ckae", "milk caek"}),
        ("frozen pizza", "plural or singular", {"frozen pizzas"}),
        ("frozen pizzas", "plural or singular", {"frozen pizza"}),
        ("cakes with 12v", "plural or singular", {"cake with 12v"}),
        ("whole milk", "words reordered", {"milk whole"}),
        ("a b c", "words reordered", {"a c b", "b a c", "b c a", "c a b", "c b a"}),
        ("whole milk", "word dropped", {"whole", "milk"}),
        ("a b c", "word dropped", {"a b", "a c", "b c"}),
    ],
)
def test_what_becomes_of_a_query(text, kind, expected):
    assert outcomes(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("tea 12v", "letter left out"),
        ("aaaa", "letters swapped"),
        ("for 12v", "plural or singular"),
        ("milk", "words reordered"),
        ("milk milk", "words reordered"),
        ("milk", "word dropped"),
        ("苹果手机壳", "letter left out"),
    ],
)
def test_what_can_not_be_changed_stays(text, kind):
    assert outcomes(text, kind) == {text}


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_a_query_is_changed_by_its_key_and_seed_alone(kind):
    texts = pl.Series(["strawberry cream cake", "milk", "fresh bread rolls", "", "green tea bags organic"])
    key = np.array([5, 1, 9, 2, 7])
    whole = perturb(texts, key, kind, 3).to_list()
    assert whole == perturb(texts, key, kind, 3).to_list()
    for place in range(len(texts)):
        assert perturb(texts[place : place + 1], key[place : place + 1], kind, 3).to_list() == whole[place : place + 1]
    if kind != "plural or singular":
        assert any(perturb(texts, key, kind, seed).to_list() != whole for seed in range(4, 10))
    assert perturb(texts[:0], key[:0], kind, 3).to_list() == []
