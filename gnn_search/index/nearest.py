"""The exact list's last score, against which the recall of an index is measured, without a copy of all vectors."""

from __future__ import annotations

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
# isort: off
import torch  # noqa: F401
import faiss
# isort: on

import numpy as np

from gnn_search.graph.csr import Float32, Int32
from gnn_search.index.scoring import best, exact_scores

_BLOCK = 65_536
_SPARE = 32


def nearest(vectors: Float32, queries: Float32, k: int) -> tuple[Float32, Int32]:
    """Find each query's products with the largest inner products, reading the vectors a block at a time.

    Args:
        vectors: May be memory-mapped.
        queries: What is asked.
        k: Length of the lists, at most the number of vectors.

    Shapes:
        vectors: float32 [n, d]; queries: float32 [m, d]. Returns score float32 [m, k] and row int32 [m, k].
    """
    width = min(k + _SPARE, len(vectors))
    score = np.empty((len(queries), 0), dtype=np.float32)
    row = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = np.ascontiguousarray(vectors[start : start + _BLOCK])
        found, place = faiss.knn(queries, block, min(width, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        score, row = np.concatenate([score, found], axis=1), np.concatenate([row, place + start], axis=1)
        kept = np.argsort(-score, axis=1, kind="stable")[:, :width]
        score, row = np.take_along_axis(score, kept, axis=1), np.take_along_axis(row, kept, axis=1)
    return best(exact_scores(vectors.__getitem__, queries, row), row, k)


def recall_at(vectors: Float32, queries: Float32, found: Int32, exact: Float32, k: int) -> float:
    """Return the share of the exact list's first k places that a list fills as well.

    A product that scores as well as the k-th of the exact list counts, as of products with equal vectors any will do.

    Shapes:
        vectors: float32 [n, d]; queries: float32 [m, d]; found: int32 [m, at least k], -1 for an empty place; exact: float32 [m, at least
        k], the scores of the exact list.
    """
    score = exact_scores(vectors.__getitem__, queries, found[:, :k].astype(np.int64))
    return float(np.mean(score >= exact[:, k - 1 : k]))
