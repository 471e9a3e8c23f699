"""How texts become words."""

from __future__ import annotations

import string

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_search.errors import MissingExtraError
from gnn_search.graph.lexical import analyser as module
from gnn_search.graph.lexical.analyser import Analyser, codes, hyphened


def words_of(text: str, *languages: str, segment: bool = False) -> list[str]:
    return Analyser(languages, segment).words(pl.Series([text])).word.to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Frozen PIZZA, 12-inch", ["frozen", "pizza", "12", "inch"]),
        ("WD-40", ["wd", "40"]),
        ("wd40", ["wd", "40"]),
        ("3/4 in. x 1,000 ft 2.5", ["3/4", "in", "x", "1000", "ft", "2.5"]),
        ("Women's L’Oréal", ["womens", "loreal"]),
        ("café CRÈME Brûlée", ["cafe", "creme", "brulee"]),
        ("ﬁne Straße Ærø", ["fine", "strasse", "aero"]),
        ("Чай и ёлка", ["чай", "и", "елка"]),
        ("हिन्दी", ["हिन्दी"]),
        ("苹果手机壳 red", ["苹果", "果手", "手机", "机壳", "red"]),
        ("壳", ["壳"]),
        ("ケース", ["ケー", "ース"]),
        ("ข้าวผัด", ["ข้า", "าว", "วผั", "ผัด"]),
        ("!?", []),
        ("", []),
    ],
)
def test_words(text, expected):
    assert words_of(text, "english") == expected
    # Many texts are folded another way, which must make no difference.
    many = Analyser(("english",)).words(pl.Series(["plain tea", text] * 1024))
    assert many.word.filter(pl.Series(many.text == 2047)).to_list() == expected


def test_umlauts_are_written_in_three_ways():
    stems = Analyser(("german",)).stems(["Küche", "kueche", "kuche", "Küchen", "neue Steuer", "Quelle"])
    assert stems[0] == stems[1] == stems[2] == stems[3] == ["kuch"]
    assert stems[4:] == [["neu", "steu"], ["quell"]]
    # Other languages keep an e after a vowel.
    assert words_of("blue poem", "english") == ["blue", "poem"]


def test_stems_by_language():
    texts = ["batteries", "bougies", "Häuser"]
    assert Analyser(("english",)).stems(texts) == [["batteri"], ["bougi"], ["hauser"]]
    assert Analyser(("french",)).stems(texts)[1] == ["boug"]
    assert Analyser(("german",)).stems(texts)[2] == ["haus"]
    assert Analyser(()).stems(texts) == [["batteries"], ["bougies"], ["hauser"]]
    assert Analyser(("chinese",)).stems(["batteries"]) == [["batteries"]]


def test_apostrophes_end_words_where_the_language_elides():
    assert words_of("l'huile d’olive", "french") == ["l", "huile", "d", "olive"]
    assert words_of("l'huile", "english") == ["lhuile"]


def test_two_languages_give_both_stems():
    stems = Analyser(("english", "french")).stems_of(pl.Series(["bougies", "tea"]))
    assert stems.rows() == [("bougies", "bougi"), ("tea", "tea"), ("bougies", "boug"), ("tea", "te")]


def test_places_count_words_and_grams_of_a_run_share_one():
    words = Analyser().words(pl.Series(["", "red 手机壳 case", "tea"]))
    assert words.text.tolist() == [1, 1, 1, 1, 2]
    assert words.place.tolist() == [0, 1, 1, 2, 0]


def test_codes_and_hyphens_are_written_together_too():
    analyser = Analyser()
    texts = pl.Series(["WD-40 spray", "100 ft. hose", "t-shirt", "shirts 5 extralong"])
    joined = codes(analyser.words(texts))
    assert list(zip(joined.text.tolist(), joined.word.to_list(), strict=True)) == [(0, "wd40"), (1, "100ft")]
    joined = hyphened(analyser, texts)
    assert list(zip(joined.text.tolist(), joined.word.to_list(), strict=True)) == [(2, "tshirt")]


SAID = ["Frozen Pizzas, 1,000 g", "l'huile d'olive", "kids' wd-40, 3/4 in", "Kuechen quelle a_b", "", " $5.99 ", "2.5-3,5 o'neill's Aeon"]


@pytest.mark.parametrize("languages", [("english",), ("german", "english"), ("french",), ()])
def test_few_texts_of_ascii_are_cut_as_many_of_any_kind(languages):
    """A text that is not ASCII sends all of them the way of many."""
    analyser = Analyser(languages)
    assert analyser.stems(SAID) == analyser.stems([*SAID, "ü"])[:-1]
    assert analyser.stems(SAID)[:2] != [[], []]


@given(st.lists(st.text(string.printable, max_size=20), max_size=4))
@settings(max_examples=50, deadline=None)
def test_any_few_texts_of_ascii_are_cut_as_many_of_any_kind(texts):
    analyser = Analyser(("german", "french"))
    assert analyser.stems(texts) == analyser.stems([*texts, "ü"])[:-1]


def test_chinese_words_need_the_extra(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"'segmentation: words' needs rjieba, .*pip install 'gnn-search\[chinese\]', or leave"):
        Analyser(("chinese",), segment=True)
    assert words_of("手机壳", "chinese") == ["手机", "机壳"]


def test_chinese_words():
    pytest.importorskip("rjieba", reason="needs the extra 'chinese'")
    assert words_of("红色的羽绒服", "chinese", segment=True)[-1] == "羽绒服"
    assert set(words_of("红色的羽绒服", "chinese")) == {"红色", "色的", "的羽", "羽绒", "绒服"}
