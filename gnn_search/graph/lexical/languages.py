"""What differs between languages: stemmers, stop words, and whether words grow together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

import Stemmer

_STOP_WORDS = {
    "english": "EN_PLUS",
    "german": "GERMAN",
    "dutch": "DUTCH",
    "french": "FRENCH",
    "spanish": "SPANISH",
    "portuguese": "PORTUGUESE",
    "italian": "ITALIAN",
    "russian": "RUSSIAN",
    "swedish": "SWEDISH",
    "norwegian": "NORWEGIAN",
    "danish": "DANISH",
    "turkish": "TURKISH",
}
_COMPOUNDING = {"german", "dutch", "swedish", "norwegian", "danish", "finnish", "hungarian", "estonian"}
_ELIDING = {"french", "italian", "catalan"}


def stop_words(languages: Sequence[str]) -> frozenset[str]:
    """Return the words that say nothing of a product, in lower case; none for languages without a list."""
    return frozenset().union(*(_stop_words(language) for language in languages if language in _STOP_WORDS))


@cache
def _stop_words(language: str) -> frozenset[str]:
    lists = import_module("bm25s.stopwords")
    return frozenset(getattr(lists, f"STOPWORDS_{_STOP_WORDS[language]}"))


def stem_words(words: list[str], languages: Sequence[str]) -> list[list[str]]:
    """Return the Snowball stems of folded words, a list a language; the words themselves where no language has stems.

    Snowball: https://snowballstem.org (Porter, 2001), by PyStemmer.

    Shapes:
        - words: [n]
        - Returns [languages with stems, at least 1][n]
    """
    known = [language for language in languages if language in Stemmer.algorithms()]
    return [Stemmer.Stemmer(language, maxCacheSize=0).stemWords(words) for language in known] or [words]


def joins_words(languages: Sequence[str]) -> bool:
    """Say whether one of the languages writes compounds as one word."""
    return not _COMPOUNDING.isdisjoint(languages)


def elides(languages: Sequence[str]) -> bool:
    """Say whether an apostrophe ends a word in one of the languages, as in l'huile."""
    return not _ELIDING.isdisjoint(languages)
