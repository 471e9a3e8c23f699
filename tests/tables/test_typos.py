"""Typos in words: which letters they touch, and that all of them come up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.tables.typos import TYPO_MIX, add_typos, can_mistype, double_letter, hit_neighbouring_key, leave_out_letter, swap_letters

FUNCTIONS = [leave_out_letter, swap_letters, double_letter, hit_neighbouring_key]
DRAWS = (np.arange(1000) + 0.5) / 1000


def all_of(function, word):
    """What becomes of a word over all draws."""
    return set(function([word] * len(DRAWS), DRAWS))


def test_every_letter_but_the_first_is_left_out():
    assert all_of(leave_out_letter, "milk") == {"mlk", "mik", "mil"}


def test_every_pair_of_different_letters_is_swapped():
    assert all_of(swap_letters, "coffee") == {"cfofee", "cofefe"}
    assert all_of(swap_letters, "baaa") == {"baaa"}


def test_every_letter_but_the_first_is_doubled():
    assert all_of(double_letter, "milk") == {"miilk", "millk", "milkk"}


def test_keys_beside_are_hit():
    found = all_of(hit_neighbouring_key, "saqp")
    assert found == {"sqqp", "swqp", "ssqp", "szqp", "sawp", "saap", "saqo", "saql"}


def test_words_of_several_lengths_change_each_by_its_own_draw():
    assert leave_out_letter(["milk", "strawberries", "tea", "bread"], np.array([0.0, 0.999, 0.5, 0.5])) == [
        "mlk",
        "strawberrie",
        "tea",
        "bred",
    ]
    assert swap_letters(["milk", "strawberries"], np.array([0.999, 0.0])) == ["mikl", "srtawberries"]
    assert double_letter(["milk", "strawberries"], np.array([0.0, 0.999])) == ["miilk", "strawberriess"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_can_not_be_mistyped_stays(function):
    words = ["tea", "12-pack", "wd40x", "men's", "苹果手机壳", "", "two words"]
    assert not can_mistype(words).any()
    assert function(words, np.linspace(0, 0.99, len(words))) == words
    assert function([], np.empty(0)) == []


@given(st.lists(st.tuples(st.text(alphabet="abcdeäßж1-", max_size=9), st.floats(0, 1, exclude_max=True))))
def test_a_typo_keeps_the_first_letter_and_the_other_words(pairs):
    words, draws = [word for word, _ in pairs], np.array([draw for _, draw in pairs])
    for function, longer in ((leave_out_letter, -1), (swap_letters, 0), (double_letter, 1), (hit_neighbouring_key, 0)):
        changed = function(words, draws)
        for before, after, may in zip(words, changed, can_mistype(words), strict=True):
            assert after[:1] == before[:1]
            assert after == before if not may else len(after) - len(before) in (longer, 0)


def test_the_mix_makes_each_typo_as_often_as_it_says():
    draws = np.stack([DRAWS, DRAWS[::-1]], axis=1)
    made = add_typos(["broom"] * len(DRAWS), draws)
    lengths = np.array([len(word) for word in made])
    assert (lengths == 4).mean() == pytest.approx(TYPO_MIX[leave_out_letter], abs=0.002)
    assert (lengths == 6).mean() == pytest.approx(TYPO_MIX[double_letter], abs=0.002)
    swapped = np.array([sorted(word) == sorted("broom") for word in made])
    assert swapped.mean() == pytest.approx(TYPO_MIX[swap_letters], abs=0.002)
    assert sum(TYPO_MIX.values()) == pytest.approx(1)
    assert "broom" not in made


def test_one_kind_alone_may_be_the_mix():
    assert add_typos(["milk", "tea"], np.full((2, 2), 0.9), {swap_letters: 1}) == ["mikl", "tea"]
