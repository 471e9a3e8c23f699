"""What choices say of pairs of nodes, against a slow loop over them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shops import DAY

from gnn_search.rerank.interactions import Interactions, by_row

ROWS, COLUMNS, MOMENT = 5, 7, 100
HALF_LIVES = (3.0, 40.0)

choices = st.lists(
    st.tuples(
        st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1), st.floats(0, MOMENT, exclude_max=True), st.sampled_from([0.0, 0.5, 1.0, 3.0])
    ),
    max_size=40,
)


def evidence_of(found) -> Interactions:
    row, column, day, weight = (list(part) for part in zip(*found, strict=True)) if found else ([], [], [], [])
    return Interactions.count_edges(
        np.array(row, np.int32),
        np.array(column, np.int32),
        (np.array(day, np.float64) * DAY).astype(np.int64),
        np.array(weight, np.float32),
        MOMENT * DAY,
        HALF_LIVES,
        ROWS,
        COLUMNS,
    )


def plain(pairs) -> dict[tuple[int, int], list[float]]:
    """(row, column) -> count, latest, first and the recent counts, of (row, column, days ago, weight)."""
    found: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0, np.inf, 0, 0, 0])
    for row, column, days, weight in pairs:
        sums = found[row, column]
        found[row, column] = [
            sums[0] + weight,
            min(sums[1], days),
            max(sums[2], days),
            *(sums[3 + place] + weight * 2 ** (-days / half_life) for place, half_life in enumerate(HALF_LIVES)),
        ]
    return found


def assert_equals(evidence: Interactions, expected, columns: int) -> None:
    pairs = sorted(expected)
    assert list(zip(evidence.row.tolist(), evidence.column.tolist(), strict=True)) == pairs
    assert evidence.key.tolist() == [row * columns + column for row, column in pairs]
    numbers = np.column_stack([evidence.count, evidence.latest, evidence.first, evidence.recent])
    np.testing.assert_allclose(numbers, np.reshape([expected[pair] for pair in pairs], (-1, 5)), rtol=1e-4, atol=1e-4)


@given(choices)
def test_a_slow_loop_finds_the_same(found):
    evidence = evidence_of(found)
    expected = plain([(row, column, MOMENT - day, weight) for row, column, day, weight in found])
    assert_equals(evidence, expected, COLUMNS)
    count, recent = evidence.totals()
    np.testing.assert_allclose(count, [sum(sums[0] for pair, sums in expected.items() if pair[0] == row) for row in range(ROWS)], rtol=1e-4)
    for place in range(2):
        wanted = [sum(sums[3 + place] for pair, sums in expected.items() if pair[0] == row) for row in range(ROWS)]
        np.testing.assert_allclose(recent[:, place], wanted, rtol=1e-4, atol=1e-4)


@given(choices, st.lists(st.integers(-1, 2), min_size=COLUMNS, max_size=COLUMNS))
def test_columns_are_added_up_by_group(found, group):
    grouped = evidence_of(found).regroup(np.array(group, np.int32), 3)
    expected = plain([(row, group[column], MOMENT - day, weight) for row, column, day, weight in found if group[column] >= 0])
    assert_equals(grouped, expected, 3)


@given(choices)
def test_pairs_are_found_where_they_are(found):
    evidence = evidence_of(found)
    row, column = (part.ravel() for part in np.meshgrid(np.arange(-1, ROWS), np.arange(COLUMNS), indexing="ij"))
    place = evidence.find(row, column, COLUMNS)
    present = {(one[0], one[1]) for one in found}
    for asked in range(len(row)):
        if (row[asked], column[asked]) in present:
            assert (evidence.row[place[asked]], evidence.column[place[asked]]) == (row[asked], column[asked])
        else:
            assert place[asked] == -1


def test_sums_of_rows():
    values = np.array([[1, 10], [2, 20], [4, 40]], np.float32)
    assert by_row(np.array([2, 0, 2], np.int32), values, 4).tolist() == [[2, 20], [0, 0], [5, 50], [0, 0]]


def test_arrays_by_name():
    evidence = evidence_of([(1, 2, 99.0, 1.0)])
    arrays = evidence.arrays()
    assert list(arrays) == ["indptr", "column", "count", "latest", "first", "recent", "key"]
    assert arrays["column"].tolist() == [2]
    assert arrays["indptr"].tolist() == [0, 0, 1, 1, 1, 1]
