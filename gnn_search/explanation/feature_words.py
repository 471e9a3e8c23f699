"""Say in words what the reranker's features mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import exp, expm1


def describe_features(features: Mapping[str, float], verb: str) -> str:
    """Say what the features of one group mean, leaving out those that repeat others at another half-life.

    Args:
        features: By name, as in `feature_names`: counts and ages as logarithms.
        verb: What users do with a product, `bought` or `chose`.
    """
    said = []
    for flag, phrase in _NEVER.items():
        if flag in features and not features[flag]:
            said.append(phrase.format(verb={"bought": "bought", "chose": "chosen"}.get(verb, verb)))
    silent = tuple(flag for flag in _NEVER if flag in features and not features[flag])
    for name, value in features.items():
        if name in _NEVER or _OF.get(name) in silent or name.startswith(tuple(f"{flag}:" for flag in silent)):
            continue
        written = (write(value, *found.groups()) for pattern, write in _PHRASES if (found := re.fullmatch(pattern, name)))
        said.append(next(written, ""))
    return ", ".join(phrase for phrase in said if phrase)


_NEVER = {
    "own product": "never {verb} by the user",
    "own category": "the user {verb} nothing in it",
    "own brand": "the user {verb} nothing of it",
    "query led to it": "never {verb} for the query",
    "query asked before": "nobody asked the query before",
}
"""What a flag of 0 means; the features that depend on it then say nothing."""

_OF = {
    "own share among the candidates": "own product",
    "own recent share among the candidates": "own product",
    "own share of the brand": "own brand",
    "times for the query": "query led to it",
    "share of the query's interactions": "query led to it",
    "days since chosen for the query": "query led to it",
    "products of the query": "query asked before",
}


_MOST_DAYS = 400
"""Longer ages are cut to this where the features are made."""


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
    (r"own product: repurchase interval", lambda value: _days(value, "about every {} days")),
    (r"own share among the candidates", lambda value: _share(value, "{} of the user's history among the candidates")),
    (r"own share of the brand", lambda value: _share(value, "{} of the user's history")),
    (r"times for the query", _times),
    (r"share of the query's interactions", lambda value: _share(exp(value), "{} of its interactions")),
    (r"days since chosen for the query", lambda value: _days(value, "last {} days ago")),
    (r"the cosine within the reranker", lambda value: f"{value:.3f}"),
    (r"users", lambda value: "1 user" if round(expm1(value)) == 1 else f"{_figure(expm1(value))} users"),
    (r"days since its first interaction", lambda value: _days(value, "first {} days ago")),
    (r"share of the category in the query's interactions", lambda value: _share(exp(value), "{} of the query's interactions")),
    (r"words: share of the best match", lambda value: _share(value, "{} of the best match") if value else "not among the best matches"),
    (r"words: BM25", lambda value: f"BM25 {expm1(value):.3g}" if value else ""),
    (r"similar users, (\d+) factors", lambda value, rank: f"{value:+.2g} with {rank} factors"),
    (
        r"(?:.+): recent products",
        lambda value: f"weight {_figure(expm1(value))} from recent products" if value else "with no recent product",
    ),
    (r"(?:.+): last basket", lambda value: f"{_figure(expm1(value))} from the last basket" if value else ""),
    (r"own interactions", lambda value: f"{_figure(expm1(value))} interactions of the user"),
    (r"products of the query", lambda value: f"{_figure(expm1(value))} products of the query"),
)
