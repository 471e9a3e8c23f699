"""Find the words of a list that are nearest to one that it does not hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from gnn_search.arrays import Float32, Int64, find_keys, sorted_unique

_SHORTEST, _LONGEST = 3, 32
_ONE_EDIT, _TWO_EDITS = 4, 7
"""Letters from which a word may have one error, and two."""
_LOOKED_AT = 48
"""Words whose edit distance is computed."""
_FEWEST_PAIRS = 6
_HIGHEST = 21
"""Bits of a character's number."""


@dataclass(frozen=True)
class NearWords:
    """Words like one that is looked up, best first.

    Shapes:
        - word: int64 [n], places in the list of words
        - likeness: float32 [n], above 0 to 1
    """

    word: Int64
    likeness: Float32


class SpellingIndex:
    """Finds words by the pairs of characters that they share, and orders them by their edit distance.

    A pair is two characters beside each other or with one between them, so that a letter left out, doubled or swapped with the next
    leaves most pairs of even a short word as they are. The distance counts a swap as one edit (optimal string alignment, by RapidFuzz). A
    word of 4 letters may differ by one edit, of 7 by two; a first letter that differs counts as one more.

    Args:
        words: Distinct words; those of other than 3 to 32 characters are never found.
        count: How many texts have each.

    Shapes:
        - count: int64 [words]
    """

    def __init__(self, words: list[str], count: Int64) -> None:
        self._words, self._count = words, count
        length = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        kept = np.flatnonzero((length >= _SHORTEST) & (length <= _LONGEST))
        key, owner = _pairs_of([words[place] for place in kept.tolist()])
        self._key, row = np.unique(key, return_inverse=True)
        posting = sorted_unique(row * len(words) + kept[owner])
        self._indptr = np.cumsum(np.r_[0, np.bincount(posting // max(len(words), 1), minlength=len(self._key))])
        self._owner = posting % max(len(words), 1)
        self._size = np.bincount(self._owner, minlength=len(words))

    def near(self, word: str, most: int) -> NearWords:
        """Return at most `most` words that are like one, best first: by distance, then by how many texts have them.

        The likeness is 1 less the edits a letter.
        """
        edits = 0 if len(word) < _ONE_EDIT else 1 if len(word) < _TWO_EDITS else 2
        place = self._sharing(word) if edits else np.empty(0, dtype=np.int64)
        if not len(place):
            return NearWords(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        words = [self._words[at] for at in place.tolist()]
        distance = cdist([word], words, scorer=OSA.distance, dtype=np.int32)[0]
        distance = distance + np.fromiter((other[0] != word[0] for other in words), dtype=np.int32, count=len(words))
        order = np.lexsort((place, -self._count[place], distance))
        order = order[distance[order] <= edits][:most]
        return NearWords(place[order], (1 - distance[order] / len(word)).astype(np.float32))

    def containing(self, word: str, most: int) -> NearWords:
        """Return words that begin or end with one of at least 4 characters, the shortest first; the likeness is its share of theirs."""
        place = self._sharing(word) if len(word) >= _ONE_EDIT else np.empty(0, dtype=np.int64)
        found = [at for at in place.tolist() if self._words[at].startswith(word) or self._words[at].endswith(word)]
        found = sorted(found, key=lambda at: (len(self._words[at]), -self._count[at], at))[:most]
        likeness = [len(word) / len(self._words[at]) for at in found]
        return NearWords(np.asarray(found, dtype=np.int64), np.asarray(likeness, dtype=np.float32))

    def _sharing(self, word: str) -> Int64:
        """Return the words that share the most pairs with one, by Dice's coefficient."""
        if len(word) > _LONGEST:
            return np.empty(0, dtype=np.int64)
        key = sorted_unique(_pairs_of([word])[0])
        row = find_keys(self._key, key)
        row = row[row >= 0]
        size = self._indptr[row + 1] - self._indptr[row]
        rarest = np.argsort(size, kind="stable")
        # Pairs that a good part of all words have cost the most and say the least.
        row = row[rarest[: max(_FEWEST_PAIRS, int(np.count_nonzero(np.cumsum(size[rarest]) <= len(self._words) // 4)))]]
        postings = [self._owner[start:end] for start, end in zip(self._indptr[row].tolist(), self._indptr[row + 1].tolist(), strict=True)]
        shared = np.bincount(np.concatenate([*postings, np.empty(0, dtype=np.int64)]), minlength=len(self._words))
        found = np.flatnonzero(shared > len(row) // 4)
        dice = 2 * shared[found] / (self._size[found] + len(key))
        if len(found) > _LOOKED_AT:
            threshold = np.partition(dice, -_LOOKED_AT)[-_LOOKED_AT]
            found, dice = found[dice >= threshold], dice[dice >= threshold]
        return np.asarray(found[np.argsort(-dice, kind="stable")[: 2 * _LOOKED_AT]])


def _pairs_of(words: list[str]) -> tuple[Int64, Int64]:
    """Return the pairs of characters of words, each as one number, and the word of each; `^` and `$` mark a word's ends."""
    text = "".join(f"^{word}$" for word in words)
    character: npt.NDArray[np.int64] = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    owner = np.repeat(np.arange(len(words)), [len(word) + 2 for word in words])
    keys, owners = [], []
    for apart in (1, 2):
        inside = owner[:-apart] == owner[apart:]
        keys.append((character[:-apart][inside] << _HIGHEST) | character[apart:][inside])
        owners.append(owner[:-apart][inside])
    return np.concatenate(keys), np.concatenate(owners)
