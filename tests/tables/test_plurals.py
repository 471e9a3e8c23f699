"""Plurals for singulars and back."""

import pytest

from gnn_search.tables.plurals import change_number

PAIRS = [
    ("pizza", "pizzas"),
    ("battery", "batteries"),
    ("cookie", "cookies"),
    ("pie", "pies"),
    ("toy", "toys"),
    ("box", "boxes"),
    ("brush", "brushes"),
    ("dress", "dresses"),
    ("cheese", "cheeses"),
    ("house", "houses"),
    ("shoe", "shoes"),
    ("lens", "lenses"),
    ("canvas", "canvases"),
    ("cactus", "cactuses"),
    ("knife", "knives"),
    ("glove", "gloves"),
    ("tomato", "tomatoes"),
    ("avocado", "avocados"),
    ("egg", "eggs"),
]


@pytest.mark.parametrize(("singular", "plural"), PAIRS)
def test_singular_and_plural(singular, plural):
    assert change_number([singular, plural]) == [plural, singular]


def test_what_has_no_other_number_stays():
    words = ["with", "scissors", "tv", "12v", "men's", "苹果手机壳", "grün", ""]
    assert change_number(words) == words
    assert change_number([]) == []
