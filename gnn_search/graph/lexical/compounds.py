"""Take words apart that are written as one: Kokosmilch, lightbulb."""

from __future__ import annotations

from collections.abc import Container

_SHORTEST, _LEAST = 3, 7
"""Characters of a part, and of a word that is taken apart."""
_LINKS = ("", "s", "n", "es", "en", "er")
"""Letters that German and its neighbours put between the parts."""


def split_compound(word: str, known: Container[str], *, linked: bool) -> list[str]:
    """Return the known words that a word is made of, in their order; none where it is not made of them.

    Of several splits, the one with the fewest parts and then the longest last part is taken, since that says what the thing is.

    Args:
        word: The word, folded.
        known: Words that it may be made of; it itself does not count.
        linked: Whether letters may stand between the parts, as in German.
    """
    if len(word) < _LEAST or not word.isalpha():
        return []
    links = _LINKS if linked else _LINKS[:1]
    splits: list[list[str]] = []
    for start in range(_SHORTEST, len(word) - _SHORTEST + 1):
        if word[start:] not in known:
            continue
        for link in links:
            first = word[: start - len(link)]
            if len(first) < _SHORTEST or not word[:start].endswith(link):
                continue
            if first in known:
                return [first, word[start:]]
            if linked and (parts := split_compound(first, known, linked=True)):
                splits.append([*parts, word[start:]])
    return min(splits, key=len, default=[])


def known_end(word: str, known: Container[str], *, linked: bool) -> str:
    """Return the longest known word that a word ends with; empty if there is none.

    It has at least 4 characters. Where words grow together (`linked`), the end says what the thing is, and at least 3 characters are
    before it; elsewhere it must be half of the word.
    """
    least, first = (4, _SHORTEST) if linked else (max(4, (len(word) + 1) // 2), 1)
    return next((word[start:] for start in range(first, len(word) - least + 1) if word[start:] in known), "")
