"""Weights of past interactions by their age."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float32, Int64
from gnn_search.sampling.neighbours import Neighbours


def importance(neighbours: Neighbours, half_life: float | None) -> Float32:
    """Return edge weight * recency of each neighbour, float32 [drawn]; without a half-life age does not matter."""
    return neighbours.weight if half_life is None else neighbours.weight * recency(neighbours.indptr, neighbours.age, half_life)


def recency(indptr: Int64, age: Float32, half_life: float) -> Float32:
    """Return 2 ** (-(age - youngest age of the row) / half_life).

    Ages count from each row's youngest entry, which stands last: otherwise all weights of an old row would vanish together.

    Shapes:
        - indptr: int64 [rows + 1]
        - age: float32 [items], days, falling inside each row
        - returns: float32 [items]
    """
    if not len(age):
        return age
    youngest = np.repeat(age[np.maximum(indptr[1:] - 1, 0)], np.diff(indptr))
    return np.asarray(0.5 ** ((age - youngest) / half_life), dtype=np.float32)
