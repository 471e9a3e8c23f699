"""Lists become rows in the order of the requests."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.retrieval.results import COLUMNS, result_rows


def test_rows():
    given = pl.DataFrame({"user_id": [7, None, 7], "query": ["a", "b", "a"]})
    product = np.array([[2, 0], [1, 2]], np.int32)
    score = np.array([[0.9, 0.1], [0.8, 0.2]], np.float32)
    rows = result_rows(given, np.array([1, 0, 1]), product, score, pl.Series("product_id", ["p", "q", "é"]))
    assert tuple(rows.columns) == COLUMNS
    assert rows["user_id"].to_list() == [7, 7, None, None, 7, 7]
    assert rows["query"].to_list() == ["a", "a", "b", "b", "a", "a"]
    assert rows["rank"].to_list() == [1, 2] * 3
    assert rows["product_id"].to_list() == ["q", "é", "é", "p", "q", "é"]
    assert np.allclose(rows["score"], [0.8, 0.2, 0.9, 0.1, 0.8, 0.2])


def test_ranks_of_fused_channels_become_columns():
    given = pl.DataFrame({"user_id": [1, 2], "query": ["tea", "tea"]})
    product, score = np.array([[1, 0, -1]], np.int32), np.array([[2, 1, -np.inf]], np.float32)
    ranks = {"vector": np.array([[3, 0, 0]], np.int32), "lexical": np.array([[0, 1, 0]], np.int32)}
    rows = result_rows(given, np.array([0, 0]), product, score, pl.Series("product_id", ["a", "b"]), ranks)
    assert rows.columns == [*COLUMNS, "vector_rank", "lexical_rank"]
    assert rows["vector_rank"].to_list() == [3, None, 3, None]
    assert rows["lexical_rank"].to_list() == [None, 1, None, 1]
