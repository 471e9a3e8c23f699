"""Keys of rows, and rows without a partner."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.audit.keys import row_keys, without_partner

ROWS = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2), st.sampled_from([0, -(2**62), 2**62])), max_size=30)


def keys(rows):
    a, b, time = (np.array([row[place] for row in rows], dtype=dtype) for place, dtype in enumerate((np.int32, np.int32, np.int64)))
    return row_keys(a, b, time)


@given(ROWS, ROWS)
def test_what_has_no_partner_is_the_difference_of_the_multisets(found, expected):
    lone = without_partner(keys(found), keys(expected))
    assert Counter(found[place] for place in lone) == Counter(found) - Counter(expected)
    assert lone.tolist() == sorted(set(lone.tolist()))


@given(ROWS)
def test_keys_are_the_same_for_the_same_rows_alone(rows):
    assert len(set(keys(rows).tolist())) == len(set(rows))


def test_the_order_of_columns_and_the_bits_of_floats_count():
    a, b = np.array([1], np.int32), np.array([2], np.int32)
    assert row_keys(a, b) != row_keys(b, a)
    assert row_keys(np.array([0.5], np.float32)) != row_keys(np.array([0.25], np.float32))
