"""Encode texts by tokens and terms, as the text tower of a trained model does.

This file needs numpy, and where it reads such files `tokenizers` and `safetensors`; it needs nothing of gnn-search. An export lays a copy
beside the tables that it reads: take both into your service.

Example:
    encoder = TextEncoder(Path("export/text_tower"))
    vectors = encoder(["frozen pizza", "frozne piza"])
"""

from __future__ import annotations

import json
import re
import unicodedata
from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_Int = npt.NDArray[np.int64]
_Float32 = npt.NDArray[np.float32]

_MOST_CHARACTERS = 40
"""Characters of a word that count."""
_BASIS, _WORD_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x84222325CBF29CE4), np.uint64(0x100000001B3)
_WORDS_AT_ONCE, _TEXTS_AT_ONCE = 1 << 15, 1 << 10


class TermHasher:
    """Finds the terms of texts: each word itself, and the n-grams of the word between `<` and `>`.

    What a word shares with its typos, its plural and its compounds are n-grams, and any text at all has some (Bojanowski et al., "Enriching
    word vectors with subword information", arXiv 1607.04606).

    Texts are put into NFKC and lower case. A word is a letter, a digit or `_`, and all of these and of the marks (Unicode's category M)
    that follow; its first 40 characters count. A term's number is the 64-bit FNV-1a hash of its code points, one step a code point, whose
    upper half is then xored onto the lower, modulo the buckets. A whole word, `<` and `>` included, starts from another basis than an
    n-gram, so that it differs from an n-gram of the same letters.

    Args:
        buckets: How many numbers there are.
        grams: Lengths of the n-grams.
    """

    def __init__(self, buckets: int, grams: Sequence[int]) -> None:
        self.buckets, self.grams = buckets, tuple(grams)
        self._find_words = _word_pattern().findall

    def __call__(self, texts: Sequence[str]) -> tuple[_Int, npt.NDArray[np.int32]]:
        """Return the terms of each text, a repeated one as often as it stands there.

        Shapes:
            - returns: int64 [texts + 1], where each text's terms start and end, and int32 [terms]
        """
        numbers: dict[str, int] = {}
        sizes, words = np.empty(len(texts), dtype=np.int64), array("q")
        for place, text in enumerate(texts):
            found = self._find_words(unicodedata.normalize("NFKC", text).lower())
            sizes[place] = len(found)
            # A word's number is its place among the distinct ones.
            words.extend([numbers.setdefault(word, len(numbers)) for word in found])
        distinct = list(numbers)
        parts = [self._of_words(distinct[start : start + _WORDS_AT_ONCE]) for start in range(0, len(distinct), _WORDS_AT_ONCE)]
        size = np.concatenate([np.empty(0, np.int64), *(size for size, _ in parts)])
        term = np.concatenate([np.empty(0, np.int32), *(term for _, term in parts)])
        word = np.array(words, dtype=np.int64)
        position = _positions(_bounds(size)[word], size[word])
        return _bounds(size[word])[_bounds(sizes)], term[position]

    def _of_words(self, words: list[str]) -> tuple[_Int, npt.NDArray[np.int32]]:
        """Return how many terms each of some words has, and these."""
        letters = np.array([f"<{word[:_MOST_CHARACTERS]}>" for word in words])
        letters = letters.view(np.uint32).reshape(len(words), -1).astype(np.uint64)
        length = np.count_nonzero(letters, axis=1)
        whole = np.full(len(words), _WORD_BASIS)
        for place in range(letters.shape[1]):
            whole = np.where(place < length, (whole ^ letters[:, place]) * _PRIME, whole)
        columns, present = [whole[:, None]], [np.ones((len(words), 1), dtype=np.bool_)]
        for gram in self.grams:
            places = letters.shape[1] - gram + 1
            if places < 1:
                continue
            hashed = np.full((len(words), places), _BASIS)
            for offset in range(gram):
                hashed = (hashed ^ letters[:, offset : offset + places]) * _PRIME
            columns.append(hashed)
            present.append(np.arange(places) + gram <= length[:, None])
        kept, hashed = np.concatenate(present, axis=1), np.concatenate(columns, axis=1)
        folded = (hashed ^ (hashed >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
        return np.count_nonzero(kept, axis=1), (folded[kept] % np.uint64(self.buckets)).astype(np.int32)


class TextPieces:
    """Cuts texts into pieces: numbers of rows of one table, the tokens first and the buckets of the terms behind them.

    Args:
        settings: `config.json` of a text tower, or the part `text_tower` of `onnx.json`.
        tokenizer: Of the `tokenizers` package; None for a tower without tokens.
    """

    def __init__(self, settings: Mapping[str, Any], tokenizer: Any) -> None:
        self._most, self._first_bucket = settings["max_characters"], settings["vocabulary"]
        self._hasher = TermHasher(settings["buckets"], settings["grams"]) if settings["buckets"] else None
        self._tokenizer = tokenizer
        if tokenizer is not None:
            tokenizer.no_padding()

    @classmethod
    def open(cls, folder: Path) -> TextPieces:
        """Open a folder `text_tower` or `onnx` of an export."""
        if (folder / "onnx.json").exists():
            settings = json.loads((folder / "onnx.json").read_text(encoding="utf-8"))["text_tower"]
        else:
            settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = None
        if settings["vocabulary"]:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return cls(settings, tokenizer)

    def __call__(self, texts: Sequence[str]) -> tuple[_Int, _Int]:
        """Return the pieces of each text.

        Shapes:
            - returns: int64 [texts + 1], where each text's pieces start and end, and int64 [pieces]
        """
        found: list[tuple[_Int, _Int]] = []
        if self._tokenizer is not None:
            cut = self._tokenizer.encode_batch_fast([text[: self._most] for text in texts], add_special_tokens=False)
            lists = [text.ids for text in cut]
            found.append((np.array([len(ids) for ids in lists], np.int64), np.fromiter(chain.from_iterable(lists), np.int64)))
        if self._hasher is not None:
            bounds, term = self._hasher(texts)
            found.append((np.diff(bounds), self._first_bucket + term.astype(np.int64)))
        size, total = np.stack([size for size, _ in found]), sum(len(piece) for _, piece in found)
        pieces, start = np.empty(total, np.int64), _bounds(size.T.ravel())[:-1].reshape(len(texts), len(found))
        for place, (sizes, piece) in enumerate(found):
            pieces[_positions(start[:, place], sizes)] = piece
        return _bounds(size.sum(axis=0)), pieces

    def inputs(self, texts: Sequence[str]) -> dict[str, _Int]:
        """Return the inputs of `text_tower.onnx`.

        Shapes:
            - input_ids, attention_mask: int64 [texts, pieces], as wide as the text with most pieces, filled up with zeros
        """
        bounds, piece = self(texts)
        mask = np.arange(max(1, np.diff(bounds).max(initial=0))) < np.diff(bounds)[:, None]
        ids = np.zeros(mask.shape, np.int64)
        ids[mask] = piece
        return {"input_ids": ids, "attention_mask": mask.astype(np.int64)}


class TextEncoder:
    """Encodes any text as the text tower does.

    Args:
        folder: The folder `text_tower` of an export.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        self._pieces, self._table = TextPieces.open(folder), load_file(folder / "model.safetensors")["pieces"]

    def __call__(self, texts: Sequence[str]) -> _Float32:
        """Encode texts: float32 [n, d], unit length, zero for a text of which nothing is known."""
        vectors = np.zeros((len(texts), self._table.shape[1]), np.float32)
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            bounds, piece = self._pieces(texts[first : first + _TEXTS_AT_ONCE])
            full = np.flatnonzero(np.diff(bounds))
            if len(full):
                vectors[first + full] = np.add.reduceat(self._table[piece], bounds[full], axis=0)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


@cache
def _word_pattern() -> re.Pattern[str]:
    """Return what a word is: with marks, without which the words of many scripts, such as Devanagari and Thai, fall apart."""
    marks = np.array([point for point in range(0x300, 0x20000) if unicodedata.category(chr(point)).startswith("M")])
    after = np.flatnonzero(np.diff(marks) > 1)
    ranges = zip(marks[np.r_[0, after + 1]], marks[np.r_[after, len(marks) - 1]], strict=True)
    return re.compile(rf"\w+(?:[{''.join(f'{chr(first)}-{chr(last)}' for first, last in ranges)}]\w*)*")


def _bounds(sizes: npt.NDArray[np.integer]) -> _Int:
    """Return where lists start and end: int64 [lists + 1]."""
    bounds = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds


def _positions(starts: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer]) -> _Int:
    """Return the places of lists, one list after the other: int64 [entries]."""
    before = _bounds(sizes)
    return np.arange(before[-1]) + np.repeat(starts - before[:-1], sizes)
