"""Exact scores of candidates, and lists of the best of them.

Scores are computed in float64 and rounded to float32, so that a request's list does not depend on the others in the call or on how a
matrix product is split, and equal scores stand in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gnn_search.arrays import Float32, Float64, Int32, Int64

EMPTY = -1
"""Row at a place of a list that stays empty; its score is -inf."""

_PAIRS = 65_536
"""Pairs whose inner products are computed at a time."""
_NUMBERS = 1 << 20
"""Numbers of the candidates' vectors that are gathered at a time."""


def exact_scores(gather: Callable[[Int64], Float32], queries: Float32, candidate: Int64) -> Float32:
    """Return the inner products with each query's candidates.

    Args:
        gather: Returns the vectors of rows: float32 [..., d].
        queries: The query vectors.
        candidate: Rows to be scored; an empty place scores -inf.

    Shapes:
        - queries: float32 [m, d]
        - candidate: int64 [m, width]
        - returns: float32 [m, width]
    """
    scores = np.empty(candidate.shape, dtype=np.float32)
    step = max(1, _NUMBERS // max(1, candidate.shape[1] * queries.shape[1]))
    there = np.maximum(candidate, 0)
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        # einsum widens as it goes; a float64 copy of the candidates would cost more than the products.
        scores[part] = np.einsum("mwd,md->mw", gather(there[part]), queries[part], dtype=np.float64)
    scores[candidate < 0] = -np.inf
    return scores


def pair_scores(vectors: Float32, queries: Float32, query: Int64, row: Int32) -> Float64:
    """Return the inner products of given pairs.

    Shapes:
        - vectors: float32 [n, d]
        - queries: float32 [m, d]
        - query: int64 [pairs], which of them
        - row: int32 [pairs]
        - returns: float64 [pairs]
    """
    scores = np.empty(len(row), dtype=np.float64)
    for start in range(0, len(row), _PAIRS):
        part = slice(start, start + _PAIRS)
        scores[part] = np.einsum("nd,nd->n", queries[query[part]], vectors[row[part]], dtype=np.float64)
    return scores


def best(score: Float32, row: Int64, k: int) -> tuple[Float32, Int32]:
    """Return the k best candidates of each query, by falling score, then by row; places beyond the candidates stay empty."""
    order = np.lexsort((row, -score), axis=1)[:, :k]
    places = ((0, 0), (0, k - order.shape[1]))
    return (
        np.pad(np.take_along_axis(score, order, axis=1), places, constant_values=-np.inf),
        np.pad(np.take_along_axis(row, order, axis=1).astype(np.int32), places, constant_values=EMPTY),
    )
