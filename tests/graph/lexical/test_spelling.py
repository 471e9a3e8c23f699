"""Words that are spelt much the same."""

from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import OSA

from gnn_search.graph.lexical.compounds import known_end, split_compound
from gnn_search.graph.lexical.spelling import SpellingIndex

WORDS = ["coffee", "toffee", "coffees", "shampoo", "milk", "mink", "silk", "refrigerator", "light", "te", "phonecase"]
COUNT = np.array([9, 5, 2, 7, 8, 1, 3, 2, 6, 4, 1])


def near(word: str, most: int = 3) -> list[str]:
    found = SpellingIndex(WORDS, COUNT).near(word, most)
    return [WORDS[place] for place in found.word]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cofee", ["coffee"]),
        ("coffeee", ["coffee", "coffees"]),
        ("shampooo", ["shampoo"]),
        ("mlik", ["milk"]),
        ("mipk", ["milk", "mink"]),
        ("milk", ["milk", "mink"]),
        ("refridgerator", ["refrigerator"]),
        ("lihgt", ["light"]),
        ("lght", ["light"]),
        ("xilk", []),
        ("mi", []),
        ("t", []),
        ("zzzzzz", []),
        ("x" * 40, []),
    ],
)
def test_the_nearest_words(typed, expected):
    assert near(typed) == expected


def test_of_equally_near_words_the_more_frequent_comes_first():
    assert near("mixk", 2) == ["milk", "mink"]
    found = SpellingIndex(WORDS, np.arange(11)).near("mixk", 1)
    assert [WORDS[place] for place in found.word] == ["mink"]


def test_likeness_is_one_less_the_edits_a_letter():
    found = SpellingIndex(WORDS, COUNT).near("refridgerator", 1)
    assert found.likeness.tolist() == pytest.approx([1 - 1 / 13])


def test_all_words_within_one_edit_are_found():
    """The pairs of characters only choose whose distance is computed: they must not lose words."""
    random = np.random.default_rng(0)
    words = sorted({"".join(random.choice(list("abcdefgh"), size=random.integers(5, 9))) for _ in range(400)})
    index = SpellingIndex(words, np.ones(len(words), dtype=np.int64))
    lost = 0
    for word in words:
        place = int(random.integers(1, len(word)))
        typed = word[:place] + word[place + 1 :]
        found = {words[at] for at in index.near(typed, 50).word}
        wanted = {other for other in words if OSA.distance(typed, other) == 1 and other[0] == typed[0] and len(typed) >= 4}
        lost += len(wanted - found)
    assert lost == 0


def test_words_that_contain_another():
    index = SpellingIndex(WORDS, COUNT)
    assert [WORDS[place] for place in index.containing("case", 3).word] == ["phonecase"]
    assert [WORDS[place] for place in index.containing("phone", 3).word] == ["phonecase"]
    assert index.containing("onec", 3).word.tolist() == []
    assert index.containing("phone", 3).likeness.tolist() == pytest.approx([5 / 9])


def test_no_words_at_all():
    assert SpellingIndex([], np.empty(0, dtype=np.int64)).near("coffee", 3).word.tolist() == []


@pytest.mark.parametrize(
    ("word", "linked", "expected"),
    [
        ("lightbulb", False, ["light", "bulb"]),
        ("apfelsaft", True, ["apfel", "saft"]),
        ("orangensaft", True, ["orange", "saft"]),
        ("orangensaft", False, []),
        ("kokosmilchschokolade", True, ["kokos", "milch", "schokolade"]),
        ("saft", True, []),
        ("lightbulbs", False, []),
        ("light12bulb", False, []),
    ],
)
def test_compounds(word, linked, expected):
    known = {"light", "bulb", "apfel", "saft", "orange", "kokos", "milch", "schokolade", word}
    assert split_compound(word, known, linked=linked) == expected


def test_the_known_end_of_a_word():
    assert known_end("erdbeersaft", {"beersaft", "saft"}, linked=False) == "beersaft"
    assert known_end("erdbeersaft", {"saft"}, linked=False) == ""
    assert known_end("erdbeersaft", {"saft"}, linked=True) == "saft"
    assert known_end("waldsaft", {"saft"}, linked=False) == "saft"
    assert known_end("einsaft", {"nsaft", "aft"}, linked=True) == ""
