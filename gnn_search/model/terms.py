"""Terms: the words of texts and their character n-grams, hashed into a fixed number of buckets."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Int64, expand_ranges
from gnn_search.model.tokens import TokenLists

_WORD = re.compile(r"\w+")
_MOST_CHARACTERS = 40
"""Characters of a word that count."""
_BASIS, _WORD_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x84222325CBF29CE4), np.uint64(0x100000001B3)
_CHUNK = 1 << 15


class TermHasher:
    """Finds the terms of texts: of each word itself, and the n-grams of the word between `<` and `>`.

    What a word shares with its typos, its plural and its compounds are n-grams, and any text at all has some (Bojanowski et al., "Enriching
    word vectors with subword information", arXiv 1607.04606). A term's number is the FNV-1a hash of its code points, folded to 32 bits,
    modulo the buckets; a whole word starts from another basis, so that it differs from an n-gram of the same letters.

    Args:
        buckets: How many numbers there are.
        grams: Lengths of the n-grams.
    """

    def __init__(self, buckets: int, grams: Sequence[int]) -> None:
        self.buckets, self.grams = buckets, tuple(grams)

    def __call__(self, texts: Sequence[str]) -> TokenLists:
        """Return the terms of each text, a repeated one as often as it stands there."""
        numbers: dict[str, int] = {}
        sizes, words = np.empty(len(texts), dtype=np.int64), array("q")
        for place, text in enumerate(texts):
            found = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
            sizes[place] = len(found)
            # A word's number is its place among the distinct ones.
            words.extend([numbers.setdefault(word, len(numbers)) for word in found])
        indptr, term = self._of_words(list(numbers))
        word = np.frombuffer(words, dtype=np.int64) if words else np.empty(0, np.int64)
        _, position = expand_ranges(indptr[word], indptr[word + 1])
        return TokenLists(np.cumsum(np.r_[0, np.diff(indptr)[word]])[np.cumsum(np.r_[0, sizes])], term[position])

    def _of_words(self, words: list[str]) -> tuple[Int64, npt.NDArray[np.int32]]:
        """Return the terms of distinct words, ragged."""
        sizes, terms = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
        for start in range(0, len(words), _CHUNK):
            size, term = self._of_chunk([word[:_MOST_CHARACTERS] for word in words[start : start + _CHUNK]])
            sizes.append(size)
            terms.append(term)
        return np.cumsum(np.r_[0, np.concatenate(sizes)]), np.concatenate(terms)

    def _of_chunk(self, words: list[str]) -> tuple[Int64, npt.NDArray[np.int32]]:
        letters = np.array([f"<{word}>" for word in words])
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
