"""The tokenizer: the same bytes every time, and only known characters."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from tokenizers import Tokenizer

from gnn_search.config.training import TextSettings
from gnn_search.model.tokens import UNKNOWN, TokenCutter, most_characters, train_tokenizer

TEXTS = [
    f"{colour} {thing} {number}" for colour in ("red", "crème", "grün") for thing in ("tea", "teapot", "bread knife") for number in range(9)
]
PROGRAM = f"""
import hashlib
from gnn_search.config.training import TextSettings
from gnn_search.model.tokens import train_tokenizer
print(hashlib.sha256(train_tokenizer({TEXTS!r}, TextSettings(vocabulary=120)).to_str().encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, TextSettings(vocabulary=120, max_tokens=24))


def ids_of(tokenizer, text: str) -> list[int]:
    return TokenCutter(tokenizer)([text]).token.tolist()


def test_the_same_texts_give_the_same_bytes():
    one, other = (train_tokenizer(TEXTS, TextSettings(vocabulary=120)).to_str() for _ in range(2))
    assert one == other


def test_the_bytes_do_not_hang_on_the_process():
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_the_vocabulary_is_bounded_and_words_that_recur_are_one_token(tokenizer):
    assert tokenizer.get_vocab_size() <= 120
    assert len(ids_of(tokenizer, "teapot")) == 1


def test_case_and_width_do_not_matter(tokenizer):
    assert ids_of(tokenizer, "ＲＥＤ Tea") == ids_of(tokenizer, "red tea")


def test_unknown_characters_are_dropped(tokenizer):
    assert ids_of(tokenizer, "red 東 tea") == ids_of(tokenizer, "red tea")
    assert ids_of(tokenizer, "東京") == []
    unknown = tokenizer.token_to_id(UNKNOWN)
    assert unknown not in TokenCutter(tokenizer)(["東京", "red Ж", "щtea"]).token


def test_long_texts_are_cut(tokenizer):
    assert len(ids_of(tokenizer, "t" * 30)) == 24
    # Most tokens of this vocabulary are single characters, so that as many characters count as tokens.
    assert most_characters(tokenizer) == 24
    assert ids_of(tokenizer, "red tea " * 50) == ids_of(tokenizer, "red tea " * 3)


def test_without_truncation_all_counts(tokenizer):
    endless = Tokenizer.from_str(tokenizer.to_str())
    endless.no_truncation()
    assert most_characters(endless) is None
    assert len(ids_of(endless, "red " * 50)) == 50


def test_lists_are_ragged(tokenizer):
    texts = ["red tea", "", "東", "teapot", "crème tea red"]
    lists = TokenCutter(tokenizer)(texts)
    assert lists.indptr.dtype == np.int64
    assert lists.token.dtype == np.int32
    assert np.diff(lists.indptr).tolist() == [2, 0, 0, 1, 3]
    for place, text in enumerate(texts):
        assert lists.token[lists.indptr[place] : lists.indptr[place + 1]].tolist() == ids_of(tokenizer, text)


def test_no_texts(tokenizer):
    lists = TokenCutter(tokenizer)([])
    assert lists.indptr.tolist() == [0]
    assert lists.token.tolist() == []
