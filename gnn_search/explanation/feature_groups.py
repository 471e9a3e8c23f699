"""Put the reranker's features into groups that say much the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_GROUPS = 11
"""Every set of them and the cosine is scored, 2^12 sets."""
COSINE = "the cosine within the reranker"
OTHERS = "other features"

_GROUPS = (
    ("the user's history with the product", r"own product\b|own (recent )?share among the candidates"),
    (
        "the query's history with the product",
        r"query led to it|times for the query|share of the query's interactions|days since chosen for the query",
    ),
    ("the user's history in its category", r"own category\b"),
    ("the user's history with its brand", r"own brand\b|own share of the brand"),
    ("the product's popularity", r"interactions, half-life|first interactions, half-life|users$|days since its first interaction"),
    ("its category in the query's history", r"share of the category in the query's interactions"),
    ("words", r"words\b"),
    ("similar users", r"similar users\b"),
    ("the user and the query in general", r"own interactions|products of the query|query asked before"),
)


def group_features(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each group, in order; each column is in one group.

    Groups, not single features, get a share of the score: a count at four half-lives is nearly one feature, and a score shared out among
    its copies would say little. A feature of no known group makes one with those of the same name before a colon, such as those of one
    relation between products; where that would be more groups than can be scored, these are one.

    Args:
        names: From `feature_names`.
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
        further = {OTHERS: sorted(column for columns in further.values() for column in columns)}
    return groups | further
