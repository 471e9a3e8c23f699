"""How words are mistyped: a letter left out, two swapped, one doubled, a neighbouring key.

What a word becomes depends on the word and its draw alone. Typos are made in words of at least four letters and nothing else, never in the
first letter: Yannakoudakis and Fawthrop, "The rules of spelling errors" (Information Processing & Management 19, 1983), find few errors
there. A word that can't be changed is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Bool, Float64, Int64

Letters = npt.NDArray[np.uint32]
"""Words as code points: uint32 [words, length of the longest], 0 after a word's end."""

SHORTEST_MISTYPED = 4
"""Letters of the shortest word that gets a typo."""

_FIRST_IDEOGRAPH = 0x2E80
"""Code points from here on are scripts in which a sign is a syllable or a word."""
_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROW_STARTS = (0.0, 0.25, 0.75)
"""How far the rows of a keyboard are shifted, in keys."""
_REACH = 1.3
"""Keys from the middle of one to the middle of another that still touches it."""


def leave_out_letter(words: Sequence[str], draws: Float64) -> list[str]:
    """Leave one letter out of each word, any but the first.

    Shapes:
        - words: [n]
        - draws: float64 [n], in [0, 1); which letter
        - Returns [n]
    """
    return _change(words, draws, _left_out)


def swap_letters(words: Sequence[str], draws: Float64) -> list[str]:
    """Swap two neighbouring, different letters of each word, any but the first.

    Shapes:
        - words: [n]
        - draws: float64 [n], in [0, 1); which letters
        - Returns [n]
    """
    return _change(words, draws, _swapped)


def double_letter(words: Sequence[str], draws: Float64) -> list[str]:
    """Type one letter of each word twice, any but the first.

    Shapes:
        - words: [n]
        - draws: float64 [n], in [0, 1); which letter
        - Returns [n]
    """
    return _change(words, draws, _doubled)


def hit_neighbouring_key(words: Sequence[str], draws: Float64) -> list[str]:
    """Replace one letter of each word by that of a key beside it on a QWERTY keyboard; any but the first, from a to z.

    Shapes:
        - words: [n]
        - draws: float64 [n], in [0, 1); which letter and which key
        - Returns [n]
    """
    return _change(words, draws, _beside)


TypoFunction = Callable[[Sequence[str], Float64], list[str]]

TYPO_MIX: Mapping[TypoFunction, float] = {leave_out_letter: 0.4, hit_neighbouring_key: 0.25, double_letter: 0.2, swap_letters: 0.15}
"""How often each typo is made; the shares add up to 1.

Pollock and Zamora, "Collection and characterization of spelling errors in scientific and scholarly text" (JASIS 34, 1983), find among
50,000 misspellings that 90 to 95 % have one mistake alone, that an omission is the commonest, and that most insertions are letters typed
twice. The shares follow that order; the numbers are ours.
"""


def add_typos(words: Sequence[str], draws: Float64, mix: Mapping[TypoFunction, float] = TYPO_MIX) -> list[str]:
    """Make one typo in each word, of a kind drawn from a mix.

    Shapes:
        - words: [n]
        - draws: float64 [n, 2], in [0, 1); which kind, and where
        - Returns [n]
    """
    shares = np.cumsum(list(mix.values()))
    kind = np.minimum(np.searchsorted(shares / shares[-1], draws[:, 0], side="right"), len(mix) - 1)
    result = list(words)
    for number, function in enumerate(mix):
        rows = np.flatnonzero(kind == number)
        for row, word in zip(rows.tolist(), function([words[row] for row in rows.tolist()], draws[rows, 1]), strict=True):
            result[row] = word
    return result


def can_mistype(words: Sequence[str]) -> Bool:
    """Say which words may get a typo: bool [n]. They have four letters or more and nothing but letters, of a script that spells words."""
    return _mistypable(_letters(words))


_Place = tuple[Int64, Int64, Float64]
"""Rows that change, the place of the letter in each, and what is left of the row's draw, in [0, 1)."""


def _change(words: Sequence[str], draws: Float64, change: Callable[[Letters, Float64, Bool], Letters]) -> list[str]:
    if not len(words):
        return []
    letters = _letters(words)
    changed = np.ascontiguousarray(change(letters, draws, _mistypable(letters)))
    result: list[str] = changed.view(f"U{changed.shape[1]}")[:, 0].tolist()
    return result


def _letters(words: Sequence[str]) -> Letters:
    texts = np.array(words, dtype=np.str_)
    return texts.view(np.uint32).reshape(len(texts), texts.itemsize // 4)


def _mistypable(letters: Letters) -> Bool:
    is_letter = np.strings.isalpha(letters.view("U1")) & (letters < _FIRST_IDEOGRAPH)
    lengths = (letters != 0).sum(axis=1)
    return np.asarray((lengths >= SHORTEST_MISTYPED) & (is_letter.sum(axis=1) == lengths))


def _pick(allowed: Bool, draws: Float64) -> _Place:
    """Draw one of the allowed places of each row; bool [n, width]. A row without one is left out."""
    allowed[:, 0] = False
    counts = allowed.sum(axis=1)
    rows = np.flatnonzero(counts)
    scaled = draws[rows] * counts[rows]
    rank = np.minimum(scaled.astype(np.int64), counts[rows] - 1)
    place = (np.cumsum(allowed[rows], axis=1) > rank[:, None]).argmax(axis=1)
    return rows, place, scaled - rank


def _left_out(letters: Letters, draws: Float64, mistypable: Bool) -> Letters:
    rows, place, _ = _pick((letters != 0) & mistypable[:, None], draws)
    width = letters.shape[1]
    result = letters.copy()
    column = np.arange(width)
    source = np.minimum(column + (column >= place[:, None]), width - 1)
    result[rows] = np.take_along_axis(letters[rows], source, axis=1)
    # The last column is a copy of itself unless it was the end of the longest word.
    result[rows, (letters[rows] != 0).sum(axis=1) - 1] = 0
    return result


def _swapped(letters: Letters, draws: Float64, mistypable: Bool) -> Letters:
    follows = np.zeros_like(letters)
    follows[:, :-1] = letters[:, 1:]
    rows, place, _ = _pick((follows != 0) & (letters != follows) & mistypable[:, None], draws)
    result = letters.copy()
    result[rows, place], result[rows, place + 1] = letters[rows, place + 1], letters[rows, place]
    return result


def _doubled(letters: Letters, draws: Float64, mistypable: Bool) -> Letters:
    rows, place, _ = _pick((letters != 0) & mistypable[:, None], draws)
    wide = np.pad(letters, ((0, 0), (0, 1)))
    column = np.arange(wide.shape[1])
    result = wide.copy()
    result[rows] = np.take_along_axis(wide[rows], column - (column > place[:, None]), axis=1)
    return result


def _beside(letters: Letters, draws: Float64, mistypable: Bool) -> Letters:
    keys, counts = _neighbouring_keys()
    first = ord("a")
    on_keyboard = (letters >= first) & (letters < first + len(keys))
    rows, place, rest = _pick(on_keyboard & mistypable[:, None], draws)
    letter = (letters[rows, place] - first).astype(np.int64)
    which = np.minimum((rest * counts[letter]).astype(np.int64), counts[letter] - 1)
    result = letters.copy()
    result[rows, place] = keys[letter, which]
    return result


def _neighbouring_keys() -> tuple[Letters, Int64]:
    """Return the keys beside each letter's, uint32 [26, most], padded by 0, and how many they are, int64 [26]."""
    places = {
        key: (start + column, row)
        for row, (keys, start) in enumerate(zip(_KEY_ROWS, _ROW_STARTS, strict=True))
        for column, key in enumerate(keys)
    }
    letters = sorted(places)
    beside = [[other for other in letters if other != key and _distance(places[key], places[other]) < _REACH] for key in letters]
    table = np.zeros((len(letters), max(map(len, beside))), dtype=np.uint32)
    for number, keys_beside in enumerate(beside):
        table[number, : len(keys_beside)] = [ord(key) for key in keys_beside]
    return table, (table != 0).sum(axis=1)


def _distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))
