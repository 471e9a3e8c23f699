"""Put the walk term's numbers into groups that say much the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_GROUPS = 11
"""Every set of them and the cosine is scored, 2^12 sets."""
COSINE = "the cosine within the walk term"
OTHERS = "other numbers"

_GROUPS = (
    ("the shopper's choices of the product", r"own product\b|own (recent )?share among those reached"),
    (
        "the query's choices of the product",
        r"query led to it|times for the query|share of the query's choices|days since chosen for the query",
    ),
    ("the shopper's choices in its category", r"own category\b"),
    ("the shopper's choices of its brand", r"own brand\b|own share of the brand"),
    ("everybody's choices of the product", r"choices, half-life|first choices, half-life|shoppers$|days since its first choice"),
    ("its category in the query's choices", r"share of the category in the query's choices"),
    ("words", r"words\b"),
    ("what shoppers alike choose", r"shoppers alike\b"),
    ("the shopper and the query in general", r"own choices|products of the query|query asked before"),
)


def group_numbers(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each group, in order; each column is in one group.

    Groups, not single numbers, get a share of the score: a count at four half-lives is nearly one number, and a score shared out among
    its copies would say little. A number of no known group makes one with those of the same name before a colon, such as those of one
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
