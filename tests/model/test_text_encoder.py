"""Terms are those of the documented definition, and the file that servers copy encodes texts as the tower does."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
import torch
from documentation import ROOT
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.config.training import TextSettings
from gnn_search.layout import ModelLayout
from gnn_search.model.text_encoder import TermHasher, TextEncoder, TextPieces
from gnn_search.model.text_towers import make_text_tower
from gnn_search.tables.typos import add_typos
from gnn_search.vectors.pieces import PieceSettings
from gnn_search.vectors.text_model import write_piece_model

BUCKETS, GRAMS = 1009, (3, 4)
TEXTS = [
    "milk", "Whole  Milk, 2%", "", "   ", "🍞❤️", "苹果手机壳", "मोबाइल फोन", "ชาเขียว", "Schokoladenmüsli", "İstanbul", "ﬁne ½ l",
    "don't a_b", "WD-40 x12", "a", "x" * 39, "x" * 40, "x" * 41, "y" * 500, "whole milk " * 60, "e\u0301clair éclair", "\x00a\x00",
]  # fmt: skip


def slow_terms(text: str, buckets: int = BUCKETS, grams: tuple[int, ...] = GRAMS) -> list[int]:
    """Return the terms of a text, letter by letter, as the docstring of TermHasher defines them."""

    def number(letters: str, basis: int) -> int:
        for letter in letters:
            basis = (basis ^ ord(letter)) * 0x100000001B3 % 2**64
        return ((basis ^ basis >> 32) & 0xFFFFFFFF) % buckets

    words, word = [], ""
    for letter in unicodedata.normalize("NFKC", text).lower():
        if re.fullmatch(r"\w", letter) or (word and unicodedata.category(letter).startswith("M")):
            word += letter
        elif word:
            words.append(word)
            word = ""
    terms = []
    for bracketed in (f"<{word[:40]}>" for word in [*words, word] if word):
        terms.append(number(bracketed, 0x84222325CBF29CE4))
        for gram in grams:
            terms += [number(bracketed[at : at + gram], 0xCBF29CE484222325) for at in range(len(bracketed) - gram + 1)]
    return terms


def as_lists(found: tuple[np.ndarray, np.ndarray]) -> list[list[int]]:
    bounds, values = found
    return [values[start:end].tolist() for start, end in pairwise(bounds)]


@pytest.mark.parametrize("grams", [(3, 4), (2,), (1, 8), ()])
def test_terms_are_those_of_the_definition(grams):
    assert as_lists(TermHasher(BUCKETS, grams)(TEXTS)) == [slow_terms(text, grams=grams) for text in TEXTS]


@given(st.lists(st.text(max_size=60), max_size=6))
def test_terms_of_any_texts_are_those_of_the_definition(texts):
    assert as_lists(TermHasher(BUCKETS, GRAMS)(texts)) == [slow_terms(text) for text in texts]


def test_numbers_that_another_language_can_be_held_to():
    numbers = [10799, 46505, 1732, 44208, 21219, 47774, 4576, 36176]
    assert as_lists(TermHasher(65_536, (3, 4))(["Milk"])) == [numbers]
    assert f"has the terms {', '.join(map(str, numbers))}:" in (ROOT / "docs/export/vectors.md").read_text(encoding="utf-8")


def test_single_texts_equal_batches():
    hasher = TermHasher(BUCKETS, GRAMS)
    assert as_lists(hasher(TEXTS)) == [as_lists(hasher([text]))[0] for text in TEXTS]


def test_more_words_than_are_hashed_at_once(monkeypatch):
    expected = as_lists(TermHasher(BUCKETS, GRAMS)(TEXTS))
    monkeypatch.setattr("gnn_search.model.text_encoder._WORDS_AT_ONCE", 3)
    assert as_lists(TermHasher(BUCKETS, GRAMS)(TEXTS)) == expected


def test_no_text_and_no_word_have_no_terms():
    hasher = TermHasher(BUCKETS, GRAMS)
    assert as_lists(hasher([])) == []
    assert as_lists(hasher(["", " - ", "🍞❤️"])) == [[], [], []]


def test_forty_characters_of_a_word_count():
    hasher = TermHasher(1 << 27, GRAMS)
    cut, whole, longer = as_lists(hasher(["x" * 39 + "y", "x" * 39 + "yz", "x" * 38]))
    assert cut == whole != longer


def test_a_word_is_no_n_gram_of_the_same_letters():
    assert len(set(as_lists(TermHasher(1 << 27, (3,))(["a"]))[0])) == 2


def test_forms_of_one_word_share_terms():
    terms = [
        set(found) for found in as_lists(TermHasher(1 << 27, GRAMS)(["strawberry", "strawberries", "strawbery", "STRAWBERRY", "milk"]))
    ]
    assert terms[0] == terms[3]
    assert len(terms[0] & terms[1]) > 8
    assert len(terms[0] & terms[2]) > 8
    assert not terms[0] & terms[4]


def test_marks_belong_to_their_words():
    # The word itself and its n-grams, of one bracketed word each.
    assert [len(found) for found in as_lists(TermHasher(BUCKETS, (3,))(["हिन्दी", "น้ำ"]))] == [
        1 + 6,
        1 + len(unicodedata.normalize("NFKC", "น้ำ")),
    ]


@pytest.fixture(scope="module", params=[("static", "terms"), ("terms",), ("static",), ("general model", "terms")], ids="+".join)
def tower(request, tiny_graph, tmp_path_factory):
    if request.param[0] != "general model":
        return random_towers(tiny_graph, tiny_config(text={"parts": request.param})).text
    torch.manual_seed(0)
    tower = make_text_tower(TextSettings(buckets=512), 16, tiny_graph, ModelLayout(tmp_path_factory.mktemp("model")))
    with torch.no_grad():
        tower.importance.normal_()
    return tower


@torch.no_grad()
def vectors_of(tower, texts: list[str]) -> np.ndarray:
    return functional.normalize(tower(texts), dim=1).numpy()


def many_texts(graph) -> list[str]:
    """Return over a thousand texts: the shop's, these with typos, and odd ones."""
    texts = [*graph.nodes("query")["query"], *graph.nodes("product")["title"], *graph.nodes("category")["name"]]
    words = [word for text in texts for word in text.split()] * 3
    typos = add_typos(words, np.random.default_rng(0).random((len(words), 2)))
    return [*texts, *map(" ".join, pairwise(typos)), *typos, *TEXTS]


def test_the_exported_file_encodes_as_the_tower_does(tower, tiny_graph, tmp_path):
    texts = many_texts(tiny_graph)
    assert len(texts) > 1000
    write_piece_model(tmp_path / "tower", tower)
    found, expected = TextEncoder(tmp_path / "tower")(texts), vectors_of(tower, texts)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5
    assert (np.linalg.norm(expected, axis=1) > 0.99).mean() > 0.9
    assert not found[texts.index("🍞❤️")].any()


def test_the_exported_file_needs_nothing_of_the_package(tower, tmp_path):
    write_piece_model(tmp_path / "tower", tower)
    program = (
        "import sys; sys.modules.update(torch=None, gnn_search=None, polars=None); sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from text_encoder import TextEncoder; import numpy as np\n"
        "np.save(sys.argv[2], TextEncoder(Path(sys.argv[1]))(['bread 0', 'braed', '']))"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "tower", tmp_path / "found.npy"], check=True, cwd=tmp_path)
    assert np.abs(np.load(tmp_path / "found.npy") - vectors_of(tower, ["bread 0", "braed", ""])).max() < 1e-5


def test_more_texts_than_are_encoded_at_once(tower, tmp_path, monkeypatch):
    write_piece_model(tmp_path / "tower", tower)
    encoder = TextEncoder(tmp_path / "tower")
    expected = encoder(TEXTS)
    monkeypatch.setattr("gnn_search.model.text_encoder._TEXTS_AT_ONCE", 4)
    assert np.allclose(encoder(TEXTS), expected, atol=1e-6)
    assert encoder([]).shape == (0, 16)


def test_tokens_come_first_and_buckets_behind_them(tiny_graph):
    tower = random_towers(tiny_graph, tiny_config()).text
    pieces = TextPieces(PieceSettings.of(tower).model_dump(), Tokenizer.from_str(tower.tokenizer.to_str()))
    vocabulary = tower.tokenizer.get_vocab_size()
    for text, found in zip(TEXTS[:4], as_lists(pieces(TEXTS[:4])), strict=True):
        assert found == [*tower.tokenizer.encode(text).ids, *(vocabulary + term for term in slow_terms(text, tower.hasher.buckets))]
    inputs = pieces.inputs(["", "milk"])
    assert inputs["attention_mask"].sum(axis=1).tolist() == [0, len(as_lists(pieces(["milk"]))[0])]
    assert {values.dtype for values in inputs.values()} == {np.dtype(np.int64)}
    assert pieces.inputs([""])["input_ids"].shape == (1, 1)
