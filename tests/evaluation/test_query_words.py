"""Misspelt queries, and queries that name a category."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from rapidfuzz.distance import OSA
from shops import START, build, write_recipe

from gnn_search.evaluation.query_words import _one_edit_from, find_misspelt, names_category

PRODUCTS = {"p0": ("Strawberry jam", ["food", "jams & honey"]), "p1": ("Bread rolls", ["food", "bread"]), "p2": ("Case", ["手机壳"])}
KNOWN, NEW = (
    ("toast brad", "jam"),
    ("bread", "strawbery jam", "breda", "breads", "jma", "xylophone", "toasty rolls", "bred 12v", "brat jams", "苹果手机壳"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    pl.DataFrame(
        {
            "product_id": list(PRODUCTS),
            "title": [title for title, _ in PRODUCTS.values()],
            "category_path": [path for _, path in PRODUCTS.values()],
        }
    ).write_parquet(folder / "products.parquet")
    rows = [(text, 0) for text in KNOWN] + [("jam", 1)] + [(text, 3) for text in NEW]
    pl.DataFrame(
        {
            "user_id": ["u"] * len(rows),
            "query": [text for text, _ in rows],
            "product_id": ["p0"] * len(rows),
            "timestamp": [START + timedelta(days=day, minutes=place) for place, (_, day) in enumerate(rows)],
            "action": ["purchase"] * len(rows),
        }
    ).write_parquet(folder / "events.parquet")
    tables = {"products": {"category_path": "category_path"}, "events": {"action": "action"}}
    recipe = write_recipe(folder, tables, {"by": "time", "validation": START + timedelta(days=1), "test": START + timedelta(days=2)})
    return build(recipe, folder / "graph")


def nodes(shop, *texts):
    held = shop.nodes("query")["query"].to_list()
    return np.array([held.index(text) for text in texts], dtype=np.int32)


def test_misspelt_words_by_hand(shop):
    degree = shop.before(shop.manifest.test_start).edges(("product", "rev_leads_to", "query")).degree()
    found = dict(zip(NEW, find_misspelt(shop, nodes(shop, *NEW), degree).tolist(), strict=True))
    assert found == {
        "bread": False,  # a title holds it
        "strawbery jam": True,
        "breda": True,  # swapped
        "breads": False,  # the plural of a known word
        "jma": False,  # too short
        "xylophone": False,  # near nothing
        "toasty rolls": True,  # toast is known from a query
        "bred 12v": True,
        "brat jams": True,  # brad, a query's word
        "苹果手机壳": False,
    }
    assert find_misspelt(shop, nodes(shop, "breda", "jam", "breda"), degree).tolist() == [True, False, True]
    # Before there was a query, toast and brad are no words of the shop.
    before = find_misspelt(shop, nodes(shop, "toasty rolls", "brat jams"), np.zeros_like(degree))
    assert before.tolist() == [False, False]


def test_words_one_edit_away_are_those_of_all_pairs():
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abc"), random.integers(3, 7))) for _ in range(150)]
    known = sorted(set(words[:60]))
    unknown = sorted(set(words[60:]) - set(known))
    expected = [word for word in unknown if any(OSA.distance(word, other) <= 1 for other in known)]
    assert 0 < len(expected) < len(unknown)
    assert _one_edit_from(pl.Series(unknown), pl.Series(known)).to_list() == expected


def test_the_category_is_named_by_a_word_in_any_number_or_by_its_name(shop):
    queries = ["jam", "strawbery jam", "bread", "jma", "jam", "苹果手机壳", "breads"]
    products = [0, 0, 0, 0, 1, 2, 1]
    found = names_category(shop, nodes(shop, *queries), np.array(products, dtype=np.int32))
    assert found.to_list() == [True, True, False, False, False, True, True]
