from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.evaluation.case_table import frequency_kinds

RANK = {"new": 0, "tail": 1, "torso": 2, "head": 3}


@pytest.mark.parametrize(
    ("count", "parts"),
    [
        ([], []),
        ([0, 0], ["new", "new"]),
        # Twelve choices: 4 + 2 | 2 ... the first third ends inside the four, the second inside the twos.
        ([4, 2, 2, 1, 1, 1, 1], ["head", "torso", "torso", "tail", "tail", "tail", "tail"]),
        # One of them makes nine choices in ten.
        ([90, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], ["head", *["tail"] * 10]),
        # Nearly all choices are single ones, and a single one makes nothing frequent.
        ([2, *[1] * 50], ["head", *["tail"] * 50]),
        ([3, 3, 3], ["tail", "tail", "tail"]),
    ],
)
def test_by_hand(count, parts):
    assert frequency_kinds(np.array(count, dtype=np.int64)).tolist() == parts


@given(st.lists(st.integers(0, 30), max_size=40))
def test_more_is_never_a_lower_part_and_only_nothing_is_new(count):
    parts = [RANK[part] for part in frequency_kinds(np.array(count, dtype=np.int64)).tolist()]
    order = np.argsort(count, kind="stable")
    assert (np.diff(np.array(parts)[order]) >= 0).all() if count else parts == []
    assert [part == 0 for part in parts] == [one == 0 for one in count]
    assert all(count[i] != count[j] or parts[i] == parts[j] for i in range(len(count)) for j in range(i))
