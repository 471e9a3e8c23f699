"""The known queries as bags of stems, and what the words of other texts may stand for among these stems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Float32, Float64, Int32, Int64, expand_ranges, find_keys, sorted_unique
from gnn_search.graph.lexical.spelling import SpellingIndex

Stemming = Callable[[Sequence[str]], list[list[str]]]
"""Returns the stems of each of some texts."""
_CHUNK = 1 << 16
"""Texts whose stems are held as Python objects at a time."""
_READINGS = 4
"""Known stems that an unknown one may be a misspelling of."""
_TOGETHER = 0.95
"""Likeness of two words to the same written as one."""
_LONGEST_TEXT = 16
"""Words of a text that count."""


@dataclass(frozen=True)
class UnknownWords:
    """Words of some texts that no known query has.

    Shapes:
        - text: int64 [words]
        - word: [words], stems
        - covers: float32 [words], how much of the text each is, in idf
    """

    text: Int64
    word: list[str]
    covers: Float32


@dataclass(frozen=True)
class Readings:
    """What the words of some texts may stand for, ordered by text and stem.

    Shapes:
        - text: int64 [readings]
        - stem: int32 [readings], a stem of the known queries
        - likeness: float32 [readings], 0 to 1
        - covers: float32 [readings], how much of the text it explains, in idf
        - size: float32 [texts], the idf of all words of each text
        - unknown: the words that stand for no stem, or for another than their own
    """

    text: Int64
    stem: Int32
    likeness: Float32
    covers: Float32
    size: Float32
    unknown: UnknownWords


class StemLists:
    """The stems of the known queries, weighted by idf, in both directions.

    Args:
        texts: The known queries.
        stemming: Cuts them into stems.
        most: Queries of a stem that are looked at, those with the fewest other words first.

    Attributes:
        idf: float32 [stems], ln(1 + (queries - n + 0.5) / (n + 0.5)) as in BM25, n the queries with the stem.
        indptr, stem: The distinct stems of each query, ascending: int64 [queries + 1], int32 [entries].
        size: float32 [queries], the idf of each query's stems together.
    """

    def __init__(self, texts: pl.Series, stemming: Stemming, most: int) -> None:
        self._stemming, self._most = stemming, most
        word, owner = _cut(texts, stemming)
        vocabulary = word.unique().sort()
        number = word.replace_strict(vocabulary, np.arange(len(vocabulary)), return_dtype=pl.Int64).to_numpy() if len(word) else owner
        words = vocabulary.to_list()
        # A dictionary, as polars takes much longer for the few words of one text. The words of queries are far fewer than the queries.
        self._words = words
        self._number = dict(zip(words, range(len(words)), strict=True))
        entry = sorted_unique(owner * max(len(vocabulary), 1) + number)
        query, self.stem = entry // max(len(vocabulary), 1), (entry % max(len(vocabulary), 1)).astype(np.int32)
        self.indptr = np.cumsum(np.r_[0, np.bincount(query, minlength=len(texts))])
        count = np.bincount(self.stem, minlength=len(vocabulary))
        self.idf = np.log1p((len(texts) - count + 0.5) / (count + 0.5)).astype(np.float32)
        self._unknown = np.float32(np.log1p((len(texts) + 0.5) / 0.5))
        self.size = np.bincount(query, weights=self.idf[self.stem], minlength=len(texts)).astype(np.float32)
        order = np.lexsort((query, self.size[query], self.stem))
        self._posting, self._posting_indptr = query[order].astype(np.int32), np.cumsum(np.r_[0, count])
        self.spelling = SpellingIndex(words, count)
        self._load_joined(words, owner, number)
        self._load_bags(query)

    def _load_joined(self, words: list[str], owner: Int64, number: Int64) -> None:
        """Note which two stems stand beside each other in a query, by what they are when written together."""
        beside = np.flatnonzero(owner[1:] == owner[:-1])
        pair = sorted_unique(number[beside] * max(len(words), 1) + number[beside + 1])
        left, right = pair // max(len(words), 1), pair % max(len(words), 1)
        together = [words[one] + words[other] for one, other in zip(left.tolist(), right.tolist(), strict=True)]
        kept = np.array([place for place, one in enumerate(together) if one not in self._number], dtype=np.int64)
        self._joined, first = np.unique(_hashes([together[place] for place in kept.tolist()]), return_index=True)
        self._halves = np.stack([left, right], axis=1)[kept[first]].astype(np.int32)

    def _load_bags(self, query: Int64) -> None:
        """Note each query by a number that is the same for the same set of stems."""
        bag = np.zeros(len(self.size), dtype=np.uint64)
        np.add.at(bag, query, _mixed(self.stem))
        self._bag_order = np.argsort(bag, kind="stable").astype(np.int32)
        self._bag = bag[self._bag_order]

    def read(self, texts: Sequence[str]) -> Readings:
        """Read texts: each word as itself, as known words spelled almost the same, or as two words written together or apart."""
        lists = [words[:_LONGEST_TEXT] for words in self._stemming(texts)]
        owner = np.repeat(np.arange(len(lists)), [len(words) for words in lists])
        words = list(chain.from_iterable(lists))
        number = self._find(words)
        covers = np.where(number >= 0, self.idf[np.maximum(number, 0)], self._unknown) if len(self.idf) else np.zeros(len(words))
        known = np.flatnonzero(number >= 0)
        parts: list[tuple[npt.NDArray[Any], ...]] = [(owner[known], number[known], np.ones(len(known)), covers[known])]
        unknown = np.flatnonzero(number < 0)
        for place in unknown.tolist() if len(self.idf) else ():
            stem, likeness, share = self._read_unknown(words[place])
            if len(stem):
                # A misspelt word is no rarer than what it is read as.
                covers[place] = self.idf[stem].max()
                parts.append((np.full(len(stem), owner[place]), stem, likeness, covers[place] * likeness * share))
        beside = np.flatnonzero(owner[1:] == owner[:-1])
        if len(beside):
            together = self._find([words[place] + words[place + 1] for place in beside.tolist()])
            beside, together = beside[together >= 0], together[together >= 0]
            both = covers[beside] + covers[beside + 1]
            parts.append((owner[beside], together, np.full(len(beside), _TOGETHER), _TOGETHER * both))
        text, stem, likeness, covered = (np.concatenate(part) for part in zip(*parts, strict=True))
        key, row = np.unique(text * max(len(self.idf), 1) + stem, return_inverse=True)
        likeness_of, gained = np.zeros(len(key), dtype=np.float32), np.zeros(len(key), dtype=np.float32)
        np.maximum.at(likeness_of, row, likeness.astype(np.float32))
        np.maximum.at(gained, row, covered.astype(np.float32))
        size = np.bincount(owner, weights=covers, minlength=len(texts)).astype(np.float32)
        others = UnknownWords(owner[unknown], [words[place] for place in unknown.tolist()], covers[unknown].astype(np.float32))
        return Readings(key // max(len(self.idf), 1), (key % max(len(self.idf), 1)).astype(np.int32), likeness_of, gained, size, others)

    def covered(self, texts: Sequence[str], text: Int64, others: Sequence[str], other: Int64) -> Float32:
        """Return how much of a text another one covers, in idf: the share of its words, as they are read, that the other holds.

        Shapes:
            - texts: [n]
            - text: int64 [pairs], places in `texts`
            - others: [m]
            - other: int64 [pairs], places in `others`
            - returns: float32 [pairs], 0 to 1
        """
        readings, held = self.read(texts), self._stemming(others)
        words = [*(self._words[stem] for stem in readings.stem.tolist()), *readings.unknown.word]
        number = {word: place for place, word in enumerate(dict.fromkeys(words))}
        owner = np.concatenate([readings.text, readings.unknown.text])
        own = owner * max(len(number), 1) + np.fromiter((number[word] for word in words), dtype=np.int64, count=len(words))
        # A word that is read as another may be there twice.
        own, place = np.unique(own, return_index=True)
        gain = np.concatenate([readings.covers, readings.unknown.covers])[place]
        stems = [[number[word] for word in dict.fromkeys(words) if word in number] for words in held]
        bounds = np.cumsum(np.r_[0, np.asarray([len(one) for one in stems], dtype=np.int64)])
        pair, place = expand_ranges(bounds[other], bounds[other + 1])
        theirs = np.asarray(list(chain.from_iterable(stems)), dtype=np.int64)[place]
        at = find_keys(own, text[pair] * max(len(number), 1) + theirs)
        pair, at = pair[at >= 0], at[at >= 0]
        gained = np.bincount(pair, weights=gain[at], minlength=len(text))
        return np.minimum(gained / np.maximum(readings.size[text], 1e-9), 1).astype(np.float32)

    def _read_unknown(self, word: str) -> tuple[Int64, Float32, float]:
        """Return the stems that an unknown word may stand for, how like each is, and the share of the word that each explains."""
        joined = int(find_keys(self._joined, _hashes([word]))[0])
        if joined >= 0:
            return self._halves[joined], np.full(2, _TOGETHER, dtype=np.float32), 0.5
        near = self.spelling.near(word, _READINGS)
        return near.word, near.likeness, 1.0

    def sharing(self, readings: Readings, most: int) -> tuple[Int64, Int64]:
        """Return queries that share stems with the texts, at most `most` a text by what they share, and those with the same words or fewer.

        Shapes:
            - returns: int64 [found] twice, text and query
        """
        starts = self._posting_indptr[readings.stem]
        ends = np.minimum(self._posting_indptr[readings.stem + 1], starts + self._most)
        entry, place = expand_ranges(starts, ends)
        text, query = readings.text[entry], self._posting[place].astype(np.int64)
        gain = readings.covers[entry] + readings.likeness[entry] * self.idf[readings.stem[entry]]
        key = text * len(self.size) + query
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
        key = key[first]
        shared = np.add.reduceat(gain[order], first) if len(key) else gain
        text, query = key // len(self.size), key % len(self.size)
        score = shared / (readings.size[text] + self.size[query])
        best = np.lexsort((query, -score, text))
        text = text[best]
        rank = np.arange(len(text)) - np.searchsorted(text, text)
        kept = rank < most
        same_text, same_query = self._same_words(readings, most)
        return np.concatenate([text[kept], same_text]), np.concatenate([query[best][kept], same_query])

    def _same_words(self, readings: Readings, most: int) -> tuple[Int64, Int64]:
        """Return the queries that are a text's words as read best, or all but one of them."""
        exact = np.flatnonzero(readings.likeness >= _TOGETHER)
        text, mixed = readings.text[exact], _mixed(readings.stem[exact])
        total = np.zeros(len(readings.size), dtype=np.uint64)
        np.add.at(total, text, mixed)
        owner, wanted = np.concatenate([text, np.arange(len(total))]), np.concatenate([total[text] - mixed, total])
        owner, wanted = owner[wanted != 0], wanted[wanted != 0]
        starts, ends = np.searchsorted(self._bag, wanted), np.searchsorted(self._bag, wanted, side="right")
        row, place = expand_ranges(starts, np.minimum(ends, starts + most))
        return owner[row], self._bag_order[place].astype(np.int64)

    def likeness(self, readings: Readings, text: Int64, query: Int64) -> Float32:
        """Return how much of a text and a query is the same: Dice's coefficient of their stems, weighted by idf, 0 to 1.

        Shapes:
            - text, query: int64 [n]
            - returns: float32 [n]
        """
        pair, place = expand_ranges(self.indptr[query], self.indptr[query + 1])
        stems = max(len(self.idf), 1)
        key, wanted = readings.text * stems + readings.stem, text[pair] * stems + self.stem[place]
        if not len(key):
            return np.zeros(len(text), dtype=np.float32)
        at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        hit = key[at] == wanted
        pair, at = pair[hit], at[hit]
        ours = np.bincount(pair, weights=readings.covers[at], minlength=len(text))
        theirs = np.bincount(pair, weights=readings.likeness[at] * self.idf[readings.stem[at]], minlength=len(text))
        size, other = readings.size[text].astype(np.float64), self.size[query].astype(np.float64)
        shared: Float64 = np.minimum(ours, size) + np.minimum(theirs, other)
        return (shared / np.maximum(size + other, 1e-9)).astype(np.float32)

    def _find(self, words: Sequence[str]) -> Int64:
        return np.fromiter((self._number.get(word, -1) for word in words), dtype=np.int64, count=len(words))


def _cut(texts: pl.Series, stemming: Stemming) -> tuple[pl.Series, Int64]:
    """Return all stems one after the other, and the text of each, int64 [stems]."""
    words, sizes = [pl.Series(dtype=pl.String)], [np.empty(0, dtype=np.int64)]
    for chunk in _chunks(texts):
        lists = stemming(chunk.to_list())
        words.append(pl.Series(list(chain.from_iterable(lists)), dtype=pl.String))
        sizes.append(np.fromiter(map(len, lists), dtype=np.int64, count=len(lists)))
    return pl.concat(words), np.repeat(np.arange(len(texts), dtype=np.int64), np.concatenate(sizes))


def _chunks(texts: pl.Series) -> Iterator[pl.Series]:
    for start in range(0, len(texts), _CHUNK):
        yield texts.slice(start, _CHUNK)


def _hashes(words: Sequence[str]) -> Int64:
    """Return a hash of each word, int64 [n], which takes less memory than the word."""
    digests = b"".join(blake2b(word.encode(), digest_size=8).digest() for word in words)
    return np.frombuffer(digests, dtype=np.int64)


def _mixed(stem: Int32) -> npt.NDArray[np.uint64]:
    """Return a number of 64 bits for each stem, so that sums tell sets apart (the mixer of SplitMix64, Steele et al. 2014)."""
    mixed = (stem.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
