"""Where ranked lists hold the relevant products: all that relevance metrics need to know of the lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import Bool, Float64, Int32, Int64, expand_ranges
from gnn_search.graph.cases import Cases

BLOCK_ROWS = 8192
"""Relevant rows that are looked up at once: times a hundred places, they fit a processor's cache."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The relevant products that lists hold, and their places.

    Metrics take these, not the lists: a list of a hundred holds one or two of them, so that many slices cost little.

    Shapes:
        - case: int64 [hits], ascending
        - place: int64 [hits], from 1, ascending inside a case
        - row: int64 [hits], the relevant row of the cases
        - relevant: int64 [cases], how many relevant products each case has, found or not
    """

    case: Int64
    place: Int64
    row: Int64
    relevant: Int64

    @classmethod
    def from_places(cls, place: Int32, case_of_row: Int64, num_cases: int) -> Hits:
        """Gather the hits of all relevant rows.

        Shapes:
            - place: int32 [rows], from 1, 0 for a row that the list does not hold
            - case_of_row: int64 [rows]
        """
        row = np.flatnonzero(place > 0)
        order = row[np.lexsort((place[row], case_of_row[row]))]
        relevant = np.bincount(case_of_row, minlength=num_cases)
        return cls(case_of_row[order], place[order].astype(np.int64), order, relevant)

    def select(self, rows: Bool, relevant: Int64) -> Hits:
        """Return the hits among some of the relevant rows, of which each case has `relevant`: bool [rows], int64 [cases]."""
        kept = rows[self.row]
        return Hits(self.case[kept], self.place[kept], self.row[kept], relevant)

    def sum_by_case(self, values: Float64 | None, k: int) -> Float64:
        """Add up values of the hits in the first `k` places, 1 each where none are given: float64 [cases]."""
        inside = self.place <= k
        weights = None if values is None else values[inside]
        return np.bincount(self.case[inside], weights=weights, minlength=len(self.relevant)).astype(np.float64)


def find_places(product: Int32, case: Int64, cases: Cases, block_rows: int = BLOCK_ROWS) -> tuple[Int64, Int32]:
    """Look up the relevant products of some cases in their lists.

    Returns:
        The relevant rows of these cases, and the place of each in the list, from 1, 0 where the list does not hold it.

    Shapes:
        - product: int32 [lists, k], best first, -1 is padding
        - case: int64 [lists], the case of each list
        - returns: int64 [rows] and int32 [rows]
    """
    of_list, row = expand_ranges(cases.indptr[case], cases.indptr[case + 1])
    place = np.zeros(len(row), dtype=np.int32)
    for start in range(0, len(row), block_rows):
        block = slice(start, start + block_rows)
        equal = product[of_list[block]] == cases.product[row[block], None]
        place[block] = np.where(equal.any(axis=1), equal.argmax(axis=1) + 1, 0)
    return row, place


def divide(part: Float64, whole: Int64 | Float64) -> Float64:
    """Divide case by case; where the whole is 0, so is the result."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=np.asarray(whole) > 0)
