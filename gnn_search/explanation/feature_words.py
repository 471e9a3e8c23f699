"""Say in words what the walk term's numbers mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import exp, expm1


def in_words(numbers: Mapping[str, float], choice: str) -> str:
    """Say what numbers of one group mean, leaving out those that repeat others at another half-life.

    Args:
        numbers: By name, as in `feature_names`: counts and ages as logarithms.
        choice: What it is to choose a product, `bought` or `chose`.
    """
    said = []
    for flag, phrase in _NEVER.items():
        if flag in numbers and not numbers[flag]:
            said.append(phrase.format(choice={"bought": "bought", "chose": "chosen"}.get(choice, choice)))
    silent = tuple(flag for flag in _NEVER if flag in numbers and not numbers[flag])
    for name, value in numbers.items():
        if name in _NEVER or _OF.get(name) in silent or name.startswith(tuple(f"{flag}:" for flag in silent)):
            continue
        written = (write(value, *found.groups()) for pattern, write in _PHRASES if (found := re.fullmatch(pattern, name)))
        said.append(next(written, ""))
    return ", ".join(phrase for phrase in said if phrase)


_NEVER = {
    "own product": "never {choice} by the shopper",
    "own category": "the shopper {choice} nothing in it",
    "own brand": "the shopper {choice} nothing of it",
    "query led to it": "never {choice} for the query",
    "query asked before": "nobody asked the query before",
}
"""What a flag of 0 means; the numbers that hang on it then say nothing."""

_OF = {
    "own share among those reached": "own product",
    "own recent share among those reached": "own product",
    "own share of the brand": "own brand",
    "times for the query": "query led to it",
    "share of the query's choices": "query led to it",
    "days since chosen for the query": "query led to it",
    "products of the query": "query asked before",
}


_MOST_DAYS = 400
"""Longer ages are cut to this where the walk term's numbers are made."""


def _times(value: float, *_: str) -> str:
    count = expm1(value)
    return "once" if round(count, 2) == 1 else f"{_figure(count)} times"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def _days(value: float, text: str) -> str:
    days = expm1(value)
    if days > _MOST_DAYS - 0.5:
        return text.format(f"{_MOST_DAYS:.0f} or more")
    return text.format(f"{days:.1f}" if days < 10 else f"{days:,.0f}")


def _share(value: float, text: str) -> str:
    return text.format(f"{100 * value:.0f} %" if value >= 0.1 else f"{100 * value:.2g} %")


_Writer = Callable[..., str]

_PHRASES: tuple[tuple[str, _Writer], ...] = (
    (r"own (?:product|category|brand): times", _times),
    (r"own (?:product|category|brand): days since", lambda value: _days(value, "last {} days ago")),
    (r"own product: days between choices", lambda value: _days(value, "about {} days between choices")),
    (r"own share among those reached", lambda value: _share(value, "{} of the shopper's choices among those reached")),
    (r"own share of the brand", lambda value: _share(value, "{} of the shopper's choices")),
    (r"times for the query", _times),
    (r"share of the query's choices", lambda value: _share(exp(value), "{} of its choices")),
    (r"days since chosen for the query", lambda value: _days(value, "last {} days ago")),
    (r"the cosine within the walk term", lambda value: f"{value:.3f}"),
    (r"shoppers", lambda value: "1 shopper" if round(expm1(value)) == 1 else f"{_figure(expm1(value))} shoppers"),
    (r"days since its first choice", lambda value: _days(value, "first {} days ago")),
    (r"share of the category in the query's choices", lambda value: _share(exp(value), "{} of the query's choices")),
    (r"words: share of the best match", lambda value: _share(value, "{} of the best match") if value else "not among the best matches"),
    (r"words: BM25", lambda value: f"BM25 {expm1(value):.3g}" if value else ""),
    (r"shoppers alike, (\d+) factors", lambda value, rank: f"{value:+.2g} with {rank} factors"),
    (r"(?:.+): recent choices", lambda value: f"weight {_figure(expm1(value))} from recent choices" if value else "with no recent choice"),
    (r"(?:.+): last basket", lambda value: f"{_figure(expm1(value))} from the last basket" if value else ""),
    (r"own choices", lambda value: f"{_figure(expm1(value))} choices of the shopper"),
    (r"products of the query", lambda value: f"{_figure(expm1(value))} products of the query"),
)
