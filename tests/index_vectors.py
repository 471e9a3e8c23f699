"""Vectors for tests of indices."""

from __future__ import annotations

import numpy as np


def clustered(rows: int, dimension: int, clusters: int = 40, seed: int = 0, spread: float = 0.6) -> np.ndarray:
    """Return unit vectors around cluster centres: float32 [rows, dimension]. The centres hang on the dimension alone."""
    centres = np.random.default_rng(99).normal(size=(clusters, dimension))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(0, clusters, rows)] + spread * random.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def plain(vectors: np.ndarray, queries: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the best k of some rows by a sort of all scores, ties by row; empty places hold -inf and -1."""
    rows = np.arange(len(vectors)) if rows is None else rows
    score = (queries.astype(np.float64) @ vectors[rows].astype(np.float64).T).astype(np.float32)
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    places = ((0, 0), (0, k - order.shape[1]))
    return (
        np.pad(np.take_along_axis(score, order, axis=1), places, constant_values=-np.inf),
        np.pad(rows[order], places, constant_values=-1),
    )


def recall(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the share of the expected rows that were found; empty places don't count."""
    return sum(len(np.intersect1d(one[one >= 0], other)) for one, other in zip(expected, found, strict=True)) / int((expected >= 0).sum())
