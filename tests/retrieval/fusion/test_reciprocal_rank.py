"""The sum of reciprocal ranks, by hand."""

from __future__ import annotations

import numpy as np

from gnn_search.retrieval.fusion.candidates import join_channels
from gnn_search.retrieval.fusion.reciprocal_rank import reciprocal_ranks
from gnn_search.retrieval.ranking import Ranking


def test_by_hand():
    lists = {
        "a": Ranking(np.array([[4, 1]], np.int32), np.array([[9, 8]], np.float32)),
        "b": Ranking(np.array([[1, 6]], np.int32), np.array([[0.2, 0.1]], np.float32)),
    }
    joined = join_channels(lists)
    assert joined.product.tolist() == [1, 4, 6]
    assert np.allclose(reciprocal_ranks(joined), [1 / 62 + 1 / 61, 1 / 61, 1 / 62], rtol=0, atol=1e-15)
    # Two middling ranks beat one first.
    assert joined.best(reciprocal_ranks(joined), 3).product.tolist() == [[1, 4, 6]]
