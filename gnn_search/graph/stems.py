"""The stems of texts, by which queries are compared word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from unicodedata import normalize

import Stemmer

_WORD = re.compile(r"[^\W_]+")
_ACCENT = re.compile(r"[\u0300-\u036f]+")


def stems(texts: Sequence[str]) -> list[list[str]]:
    """Return the English Snowball stems of each text's words, in their order, without accents.

    >>> stems(["Frozen Pizzas", "crème", ""])
    [['frozen', 'pizza'], ['creme'], []]
    """
    # Not by polars, whose fixed cost is hundreds of times that of one text.
    lists = [_WORD.findall(text.lower() if text.isascii() else _without_accents(text)) for text in texts]
    ends = list(accumulate(map(len, lists), initial=0))
    found = Stemmer.Stemmer("english").stemWords(list(chain.from_iterable(lists)))
    return [found[start:end] for start, end in pairwise(ends)]


def _without_accents(text: str) -> str:
    return normalize("NFC", _ACCENT.sub("", normalize("NFKD", text.lower())))
