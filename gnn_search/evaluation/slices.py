"""Parts of the cases that are reported on their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.graph.cases import Cases
from gnn_search.graph.store import Graph

MOST_LABEL_VALUES = 8
"""Values of one label column that get a slice, those with the most cases."""

ALL, REPEAT, FIRST_TIME, ANONYMOUS = "all", "repeat", "first-time", "anonymous"
NEW_PRODUCT, NEW_QUERY = "new product", "new query"
_RESERVED = [ALL, REPEAT, FIRST_TIME, NEW_PRODUCT, NEW_QUERY, ANONYMOUS]


@dataclass(frozen=True, eq=False)
class Slice:
    """A selection of relevant rows.

    A case counts in a slice when it has at least one selected row, and only its selected rows count as relevant there.
    The ranked list stays the same, so the products that a slice leaves out still take up places.

    Shapes:
        rows: bool[relevant rows of the cases].
    """

    name: str
    rows: NDArray[np.bool_]


def built_in_slices(cases: Cases, graph: Graph) -> list[Slice]:
    """Return the slices that every evaluation reports, those that have no row left out.

    They are: all; one per label value; repeat and first-time choices of known shoppers; products that nobody had chosen before the
    period; queries that had led to none; and shoppers that nobody knows.
    """
    case = cases.case_of_row()
    known = cases.user[case] >= 0
    view = graph.before(cases.time)
    asked = view.edges(("product", "rev_leads_to", "query")).degree() > 0
    chosen = view.edges(("query", "leads_to", "product")).degree() > 0
    slices = [
        Slice(ALL, np.ones(len(cases.product), dtype=np.bool_)),
        *_label_slices(cases, case),
        Slice(REPEAT, cases.repeat & known),
        Slice(FIRST_TIME, ~cases.repeat & known),
        Slice(NEW_PRODUCT, ~chosen[cases.product]),
        Slice(NEW_QUERY, ~asked[cases.query][case]),
        Slice(ANONYMOUS, ~known),
    ]
    return [part for part in slices if part.rows.any()]


def _label_slices(cases: Cases, case: NDArray[np.int64]) -> list[Slice]:
    """Return a slice per label value, named by the value alone where no other slice has that name."""
    found = []
    for column in cases.labels.columns:
        counts = cases.labels[column].drop_nulls().value_counts(sort=True, name="_cases")
        for value in sorted(counts[column].head(MOST_LABEL_VALUES).to_list()):
            found.append((column, str(value), (cases.labels[column] == value).fill_null(False).to_numpy()[case]))
    names = pl.Series([value for _, value, _ in found] + _RESERVED, dtype=pl.String)
    shared = names.is_duplicated().to_list()
    return [Slice(f"{column}={value}" if shared[i] else value, rows) for i, (column, value, rows) in enumerate(found)]
