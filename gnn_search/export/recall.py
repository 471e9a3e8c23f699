"""Recall of the exported vectors and index against exact search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float32, sorted_unique
from gnn_search.config.base import StrictModel
from gnn_search.export.settings import TOWER_FORMATS, FormatName
from gnn_search.export.source import ExportSource
from gnn_search.export.storage import BLOCK_VECTORS
from gnn_search.index.store import open_flat_index

_QUERIES = 500
_DEPTHS = (10, 100)
_TIE = 1e-6
"""Products whose scores differ by less are as good as each other: it is the error of a float32 inner product."""


class ExportRecall(StrictModel):
    """Share of the true nearest products that are found, for a sample of at most 500 of the shop's queries.

    Attributes:
        queries: Size of the sample.
        stored: By the stored numbers and an exact search, at 10 and 100 products.
        index: By the FAISS index as it was written; none without one.
    """

    queries: int
    stored: dict[str, float]
    index: dict[str, float] | None


def measure_recall(source: ExportSource, queries: Float32, index: Path | None) -> ExportRecall:
    """Compare with an exact search by the vectors as they are, in blocks of products.

    Shapes:
        queries: float32 [m, d].
    """
    products = source.products.vectors
    sample = queries[sorted_unique(np.linspace(0, max(0, len(queries) - 1), _QUERIES).astype(np.int64))] if len(queries) else queries
    sample = np.ascontiguousarray(sample[np.any(sample, axis=1)])
    depths = [depth for depth in _DEPTHS if depth <= len(products)] or [len(products)]
    if not len(sample) or not len(products):
        return ExportRecall(queries=0, stored={}, index=None)
    true, near = _nearest(source, sample, max(depths), stored=False), _nearest(source, sample, max(depths), stored=True)
    found = None if index is None else open_flat_index(index).search(sample, max(depths))[1]
    return ExportRecall(
        queries=len(sample),
        stored=_share(products, sample, true, near, depths),
        index=None if found is None else _share(products, sample, true, found, depths),
    )


def recall_of(formats: tuple[FormatName, ...]) -> bool:
    """Tell whether any of the formats holds vectors of products, so that there is a recall to measure."""
    return not set(formats) <= set(TOWER_FORMATS)


def _nearest(source: ExportSource, queries: Float32, depth: int, *, stored: bool) -> npt.NDArray[np.int64]:
    """Return the rows of the products with the largest inner products, best first: int64 [m, depth]."""
    vectors = source.products.vectors
    score, row = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    for start in range(0, len(vectors), BLOCK_VECTORS):
        block = vectors[start : start + BLOCK_VECTORS]
        part = queries @ (source.storage.decode(source.storage.encode(block)) if stored else block).T
        score = np.concatenate([score, part], axis=1)
        row = np.concatenate([row, np.broadcast_to(np.arange(start, start + len(block)), part.shape)], axis=1)
        best = np.argpartition(-score, min(depth, score.shape[1]) - 1, axis=1)[:, :depth]
        score, row = np.take_along_axis(score, best, axis=1), np.take_along_axis(row, best, axis=1)
    return np.take_along_axis(row, np.argsort(-score, axis=1, kind="stable"), axis=1)


def _share(
    products: Float32, queries: Float32, true: npt.NDArray[np.int64], found: npt.NDArray[np.integer], depths: list[int]
) -> dict[str, float]:
    """Return the share of the found that are as good as the last of the true ones, by depth."""
    shares = {}
    for depth in depths:
        last = np.einsum("md,md->m", products[true[:, depth - 1]], queries, dtype=np.float64)
        score = np.einsum("mkd,md->mk", products[found[:, :depth]], queries, dtype=np.float64)
        shares[str(depth)] = float((score >= last[:, None] - _TIE).mean())
    return shares
