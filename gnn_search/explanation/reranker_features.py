"""Put the reranker's features into groups that say much the same, and into words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import exp, expm1

from gnn_search.rerank.features import KNOWN_QUERY, QUERY_DAYS, QUERY_INTERACTION, QUERY_PRODUCTS, QUERY_SHARE, QUERY_TIMES

MOST_GROUPS = 12
"""Every set of them and the cosine is scored, 2^13 sets."""
COSINE = "the cosine within the reranker"
OTHER_FEATURES = "other features"

_GROUPS = (
    ("the user's history with the product", r"own product\b|own (recent )?share among the candidates"),
    (
        "the query's history with the product",
        f"{QUERY_INTERACTION}|{QUERY_TIMES}|{QUERY_SHARE}|{QUERY_DAYS}",
    ),
    ("the user's history in its category", r"own category\b"),
    ("the user's history with its brand", r"own brand\b|own share of the brand"),
    ("the product's popularity", r"interactions, half-life|first interactions, half-life|users$|days since its first interaction"),
    ("its category in the query's history", r"share of the category in the query's interactions"),
    ("words", r"words\b"),
    ("borrowed from known queries like it", r"borrowed\b"),
    ("similar users", r"similar users\b"),
    ("the user and the query in general", f"own interactions|{QUERY_PRODUCTS}|{KNOWN_QUERY}"),
)


def group_features(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each group, in order; each column is in one group.

    Groups, not single features, get a share of the score: a count at four half-lives is nearly one feature, and a score shared out among
    its copies would say little. A feature of no known group makes one with those of the same name before a colon, such as those of one
    relation between products; where that would be more groups than can be scored, these are one.
    """
    groups: dict[str, list[int]] = {title: [] for title, _ in _GROUPS}
    further: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        known = next((title for title, pattern in _GROUPS if re.match(pattern, name)), None)
        if known is not None:
            groups[known].append(column)
        else:
            further.setdefault(name.partition(":")[0].replace("_", " "), []).append(column)
    groups = {title: columns for title, columns in groups.items() if columns}
    if len(groups) + len(further) > MOST_GROUPS:
        further = {OTHER_FEATURES: sorted(column for columns in further.values() for column in columns)}
    return groups | further


def describe_features(features: Mapping[str, float], verb: str) -> str:
    """Say what the features of one group mean, leaving out those that repeat others at another half-life.

    Args:
        features: By name, as in `feature_names`: counts and ages as logarithms.
        verb: What users do with a product, from `interaction_verb`.
    """
    silent = tuple(flag for flag in _NEVER if features.get(flag) == 0)
    said = [_NEVER[flag].format(verb=verb) for flag in silent]
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
    QUERY_INTERACTION: "never {verb} for the query",
    KNOWN_QUERY: "the query is new",
}
"""What a flag of 0 means; the features that depend on it then say nothing."""

_OF = {
    "own share among the candidates": "own product",
    "own recent share among the candidates": "own product",
    "own share of the brand": "own brand",
    QUERY_TIMES: QUERY_INTERACTION,
    QUERY_SHARE: QUERY_INTERACTION,
    QUERY_DAYS: QUERY_INTERACTION,
    QUERY_PRODUCTS: KNOWN_QUERY,
}
_MOST_DAYS = 400
"""Longer ages are cut to this where the features are made."""


def _times(value: float, *_: str) -> str:
    return "once" if round(expm1(value), 2) == 1 else f"{_count(value)} times"


def _count(value: float) -> str:
    count = expm1(value)
    return f"{count:,.0f}" if count >= 10 else f"{count:.3g}"


def _days(value: float, text: str) -> str:
    days = expm1(value)
    longest = days > _MOST_DAYS - 0.5
    return text.format(f"{_MOST_DAYS} or more" if longest else f"{days:.1f}" if days < 10 else f"{days:,.0f}")


def _share(value: float, text: str) -> str:
    return text.format(f"{100 * value:.0f} %" if value >= 0.1 else f"{100 * value:.2g} %")


_PHRASES: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"own (?:product|category|brand): times", _times),
    (r"own (?:product|category|brand): days since", lambda value: _days(value, "last {} days ago")),
    (r"own product: repurchase interval", lambda value: _days(value, "about every {} days")),
    (r"own share among the candidates", lambda value: _share(value, "{} of the user's history among the candidates")),
    (r"own share of the brand", lambda value: _share(value, "{} of the user's history")),
    (QUERY_TIMES, _times),
    (QUERY_SHARE, lambda value: _share(exp(value), "{} of its interactions")),
    (QUERY_DAYS, lambda value: _days(value, "last {} days ago")),
    (r"the cosine within the reranker", lambda value: f"{value:.3f}"),
    (r"users", lambda value: "1 user" if round(expm1(value)) == 1 else f"{_count(value)} users"),
    (r"days since its first interaction", lambda value: _days(value, "first {} days ago")),
    (r"share of the category in the query's interactions", lambda value: _share(exp(value), "{} of the query's interactions")),
    (r"words: share of the best match", lambda value: _share(value, "{} of the best match") if value else "not among the best matches"),
    (r"words: BM25", lambda value: f"BM25 {expm1(value):.3g}" if value else ""),
    (r"words: share covered in some form", lambda value: _share(value, "{} of the query's words") if value else ""),
    (r"borrowed: times", lambda value: f"{_times(value)}, by weight" if value else ""),
    (r"borrowed: best lender of the product", lambda value: f"by a query that counts {value:.2f}" if value else ""),
    (
        r"borrowed: weight of the best lender",
        lambda value: f"the query most like it counts {value:.2f}" if value else "no query is like it",
    ),
    (r"similar users, (\d+) factors", lambda value, rank: f"{value:+.2g} with {rank} factors"),
    (r"(?:.+): recent products", lambda value: f"weight {_count(value)} from recent products" if value else "with no recent product"),
    (r"(?:.+): last basket", lambda value: f"{_count(value)} from the last basket" if value else ""),
    (r"own interactions", lambda value: f"{_count(value)} interactions of the user"),
    (QUERY_PRODUCTS, lambda value: f"{_count(value)} products of the query"),
)
