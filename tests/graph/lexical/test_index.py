"""What words find in toy shops of three languages, and what each word counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import bm25s
import numpy as np
import polars as pl
import pytest

from gnn_search.config.files import check
from gnn_search.config.recipe import Recipe
from gnn_search.errors import ConfigError, TableError
from gnn_search.graph.build import build_graph
from gnn_search.graph.lexical.index import LexicalIndex
from gnn_search.graph.store import Graph

ENGLISH = [
    "ground coffee",
    "toffee bar",
    "shampoo for dogs",
    "led light bulb",
    "dishwasher tablets",
    "wd-40 spray",
    "rechargeable batteries",
]
GERMAN = ["Kücheninsel weiß", "Kokosmilch", "Milch 1 l", "Apfelsaft naturtrüb", "Äpfel rot", "Saft Orange", "Häuser aus Holz"]
CHINESE = ["苹果 透明手机壳", "华为手机壳 黑色", "手机 充电器", "羽绒服 女", "苹果 红富士"]


@pytest.fixture
def make_index(tmp_path) -> Callable[..., tuple[LexicalIndex, Graph]]:
    """Return a function that builds a shop of titles, brands and descriptions, and its index."""

    def make(titles: Sequence[str], *, more: dict[str, Sequence[str | None]] | None = None, lines: str | None = None, **keys: Any):
        more = more or {}
        folder = tmp_path / f"shop{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        pl.DataFrame({"product_id": [f"p{place}" for place in range(len(titles))], "title": titles, **more}).write_parquet(
            folder / "products.parquet"
        )
        times = [datetime(2020, 1, 1) + timedelta(days=day) for day in (0, 12, 25)]
        pl.DataFrame({"user_id": ["ann"] * 3, "query": ["tea"] * 3, "product_id": ["p0"] * 3, "timestamp": times}).write_parquet(
            folder / "events.parquet"
        )
        if lines is not None:
            (folder / "synonyms.txt").write_text(lines, encoding="utf-8")
            keys["synonyms"] = "synonyms.txt"
        recipe = {
            "name": "toy",
            "tables": {"products": {"path": "products.parquet", **{name: name for name in more}}, "events": {"path": "events.parquet"}},
            "split": {"by": "time", "validation": times[1], "test": times[2]},
            **keys,
        }
        graph = build_graph(check(recipe, Recipe, "toy"), folder, folder / "graph")
        return LexicalIndex(graph), graph

    return make


def find(index: LexicalIndex, text: str, k: int = 9) -> list[int]:
    return index.search(pl.Series([text]), k).product.tolist()


def test_an_english_shop(make_index):
    index, _ = make_index(ENGLISH)
    for text, expected in {
        "coffees": [0],
        "dog": [2],
        "battery": [6],
        "light bulbs": [3],
        "lightbulb": [3],
        "dish washer": [4],
        "wd40": [5],
        "WD 40": [5],
        "something for the dogs": [2],
        "zzzz": [],
        "!?": [],
        "": [],
    }.items():
        assert find(index, text) == expected, text
    # Typos find what was meant, first of all where another word is as near.
    assert find(index, "cofee") == [0]
    assert find(index, "shampooo") == [2]
    assert find(index, "dishwaser tabelts") == [4]


def test_a_german_shop(make_index):
    index, _ = make_index(GERMAN, language="german")
    for text in ("Küche", "kueche", "kuche"):
        assert find(index, text) == [0], text
    assert find(index, "milch") == [2, 1]
    assert find(index, "Kokos Milch") == [1, 2]
    assert find(index, "apfel") == [4, 3]
    assert find(index, "säfte")[:1] == [5]
    assert set(find(index, "orangensaft")) == {5, 3}
    assert find(index, "haus") == [6]
    assert find(index, "weiss") == [0]


@pytest.mark.parametrize("segmentation", ["characters", "words"])
def test_a_chinese_shop(make_index, segmentation):
    if segmentation == "words":
        pytest.importorskip("rjieba", reason="needs the extra 'chinese'")
    index, _ = make_index(CHINESE, language="chinese", segmentation=segmentation)
    assert find(index, "苹果手机壳")[0] == 0
    assert set(find(index, "手机壳")[:2]) == {0, 1}
    assert sorted(find(index, "壳")) == [0, 1]
    assert find(index, "羽绒服") == [3]
    assert find(index, "電腦") == []


def test_a_shop_of_another_language_still_finds_chinese(make_index):
    index, _ = make_index([*ENGLISH, *CHINESE])
    assert find(index, "苹果手机壳")[0] == len(ENGLISH)


def test_synonyms(make_index):
    lines = "# drinks\nsoda, soft drink, pop\n\ntee => t-shirt\n"
    titles = ["orange soda", "soft drink cola", "soft towel", "t-shirt white", "pop art", "golf tee", "ginger soda"]
    index, graph = make_index(titles, lines=lines)
    assert set(find(index, "soda")) == {0, 1, 2, 4, 6}
    assert set(find(index, "soda")[:2]) == {0, 6}
    assert find(index, "soda").index(1) < find(index, "soda").index(2)
    assert set(find(index, "soft drinks")) == {0, 1, 2, 4, 6}
    assert set(find(index, "cola soft drink")[:1]) == {1}
    # One way: a t-shirt is no golf tee.
    assert set(find(index, "tee")) == {3, 5}
    assert find(index, "t-shirt") == [3]
    assert find(make_index(titles)[0], "soda") == [0, 6]
    assert (graph.path / "synonyms.parquet").exists()
    graph.verify()


@pytest.mark.parametrize("line", ["soda", "soda, ", "a => ", "=> b", "a => b => c", ","])
def test_a_bad_line_of_synonyms_is_named(make_index, line):
    with pytest.raises(TableError, match=r"line 2 of .*synonyms.txt: expected a group .* got .*; correct or remove the line"):
        make_index(ENGLISH, lines=f"# drinks\n{line}\n")


def test_a_missing_file_of_synonyms_is_named(make_index):
    with pytest.raises(TableError, match=r"there is no file .*none.txt, which the recipe names as 'synonyms'; correct the path"):
        make_index(ENGLISH, synonyms="none.txt")


def test_unknown_languages_are_named(make_index):
    with pytest.raises(ConfigError, match=r"'language.1': .*'klingon'"):
        make_index(ENGLISH, language=["english", "klingon"])


def test_fields_count_by_their_weights(make_index):
    titles, more = (
        ["red lamp", "red shade", "blue vase"],
        {"brand": ["acme", "lamp", None], "description": [None, None, "a lamp beside it"]},
    )
    assert find(make_index(titles, more=more)[0], "lamp") == [0, 1, 2]
    assert find(make_index(titles, more=more, fields={"title": 0.1, "brand": 1, "description": 0})[0], "lamp") == [1, 0]
    assert find(make_index(titles, more=more, fields={"title": 0, "brand": 0, "description": 1})[0], "lamp") == [2]


def test_one_field_scores_as_bm25s_does(make_index):
    random = np.random.default_rng(3)
    titles = [" ".join(random.choice(list("abcdefghij"), size=random.integers(1, 8))) for _ in range(60)]
    index, _ = make_index(titles, language="none")
    reference = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
    reference.index([title.split() for title in titles], show_progress=False)
    for text in ("a b", "c", "d e f g"):
        scores = reference.get_scores(text.split())
        found = index.search(pl.Series([text]), 60)
        assert len(found.product) == np.count_nonzero(scores)
        # Each word counts as its own stem, and a fifth of that as it is written.
        np.testing.assert_allclose(found.score, 1.2 * scores[found.product], rtol=1e-5)


def test_best_lists_are_cut_and_filtered(make_index):
    index, _ = make_index(["tea"] * 6 + ["tea tea", "green tea pot"])
    whole = index.search(pl.Series(["tea", "nothing", "pot"]), 9)
    assert whole.indptr.tolist() == [0, 8, 8, 9]
    assert whole.of(0)[0].tolist() == [6, 0, 1, 2, 3, 4, 5, 7]
    assert index.search(pl.Series(["tea"]), 3).product.tolist() == [6, 0, 1]
    some = index.search(pl.Series(["tea", "pot"]), 3, np.array([1, 5, 7], np.int32))
    assert some.product.tolist() == [1, 5, 7, 7]
    assert index.search(pl.Series([], dtype=pl.String), 3).indptr.tolist() == [0]


def test_how_much_of_a_query_a_product_covers(make_index):
    index, _ = make_index(ENGLISH)
    texts = pl.Series(["ground coffees", "cofee", "coffee zzzz", "the"])
    exact, stem, some = index.cover(texts, np.array([0, 1, 2, 3, 0]), np.array([0, 0, 0, 0, 6], np.int32)).T.tolist()
    assert exact == pytest.approx([0.5, 0, exact[2], 0, 0])
    assert stem == pytest.approx([1, 0, exact[2], 0, 0])
    # One edit in five letters, of which 0.8 count.
    assert some == pytest.approx([1, 0.64, exact[2], 0, 0])
    # A word that nothing in the catalogue says weighs more than one that is there.
    assert 0 < exact[2] < 0.5


def test_the_same_shop_gives_the_same_bytes(make_index):
    texts = pl.Series(["cofee for dogs", "lightbulb", "wd40", "kueche", "手机壳"])
    titles = [*ENGLISH, *GERMAN, *CHINESE]
    first, second = (make_index(titles, language=["english", "german"])[0] for _ in range(2))
    # What was read before makes no difference.
    second.search(pl.Series(["dogs", "lamp"]), 3)
    together = first.search(texts, 9)
    for place, text in enumerate(texts.to_list()):
        alone, (product, score) = second.search(pl.Series([text]), 9), together.of(place)
        assert alone.product.tobytes() == product.tobytes()
        assert alone.score.tobytes() == score.tobytes()


def test_a_catalogue_without_a_word(make_index):
    index, _ = make_index(["!?", "+"])
    assert find(index, "tea") == []
    assert index.cover(pl.Series(["tea"]), np.array([0]), np.array([1], np.int32)).tolist() == [[0, 0, 0]]
