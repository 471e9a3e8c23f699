"""The exact lists that recall is measured against, found a block at a time."""

from __future__ import annotations

import numpy as np
import pytest
from index_vectors import clustered, plain

from gnn_search.index.measure import nearest, recall_at


@pytest.mark.parametrize("block", [7, 64, 100_000])
def test_blocks_find_what_a_sort_of_all_scores_finds(block):
    vectors, queries = clustered(500, 8), clustered(9, 8, seed=1)
    for found, expected in zip(nearest(vectors, queries, 30, block), plain(vectors, queries, 30), strict=True):
        assert np.array_equal(found, expected)


def test_recall_by_hand():
    vectors = np.array([[1, 0], [0.8, 0.6], [0.8, 0.6], [0, 1]], np.float32)
    query = np.array([[1, 0]], np.float32)
    exact = nearest(vectors, query, 2)[0]
    # Row 2 is as good as row 1; row 3 is not, and an empty place holds nothing.
    cases = {(0, 1): 1.0, (0, 2): 1.0, (0, 3): 0.5, (0, -1): 0.5, (3, -1): 0.0}
    for found, expected in cases.items():
        assert recall_at(vectors, query, np.array([found], np.int32), exact, 2) == expected
