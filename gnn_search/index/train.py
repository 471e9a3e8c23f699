"""Make a FAISS index of vectors, a block at a time."""

from __future__ import annotations

from collections.abc import Callable

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
# isort: off
import torch  # noqa: F401
import faiss
# isort: on

import numpy as np

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32
from gnn_search.index.settings import IndexSettings

_BLOCK = 65_536
_ROWS_A_LIST = 39
"""Rows of the sample for each list, as many as k-means wants; it gains little by more."""
_FEWEST_ROWS = 65_536
"""Rows of the sample where there are few lists, for the codes."""


def make_faiss_index(vectors: Float32, settings: IndexSettings, progress: Callable[[int, int], None] | None = None) -> faiss.Index:
    """Train an index on a sample of the vectors and add them all.

    Args:
        vectors: Row i becomes row i of the index; may be memory-mapped.
        settings: Resolved.
        progress: Called with the rows added and all rows.

    Shapes:
        vectors: float32 [n, d].

    Raises:
        RequestError: FAISS knows no such index, or can't train it on these vectors.
    """
    index = _describe(vectors.shape[1], settings)
    try:
        if not index.is_trained:
            index.train(_sample(vectors, settings))
        for start in range(0, len(vectors), _BLOCK):
            index.add(np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32))
            if progress is not None:
                progress(min(start + _BLOCK, len(vectors)), len(vectors))
    except RuntimeError as error:
        raise RequestError(f"FAISS can't make the index {settings.description()} of these vectors ({_reason(error)})") from None
    if index.ntotal != len(vectors):
        raise RequestError(f"FAISS made an index {settings.description()} of {index.ntotal} rows of {len(vectors)} vectors; give another")
    return index


def _describe(dimension: int, settings: IndexSettings) -> faiss.Index:
    try:
        index = faiss.index_factory(dimension, settings.description(), faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise RequestError(f"FAISS knows no index {settings.description()!r} for {dimension} dimensions ({_reason(error)})") from None
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efConstruction = settings.ef_construction
    # A factory may hide an inverted file behind a transformation or a refinement.
    inverted = faiss.try_extract_index_ivf(index)
    if inverted is not None:
        _prepare_inverted(inverted, settings)
    return index


def _prepare_inverted(inverted: faiss.IndexIVF, settings: IndexSettings) -> None:
    # Of few products each list is learned from few rows; that is as it should be, and FAISS would write a warning to stderr.
    inverted.cp.min_points_per_centroid = 1
    inverted.cp.seed = 1234 + settings.seed
    if isinstance(inverted, faiss.IndexIVFPQFastScan):
        # With inner products the residuals' tables are the same for every list, so the better codes cost nothing.
        inverted.by_residual = True
        inverted.pq.cp.min_points_per_centroid = 1
        inverted.pq.cp.seed = 1234 + settings.seed
    quantizer = faiss.downcast_index(inverted.quantizer)
    if isinstance(quantizer, faiss.IndexHNSW):
        quantizer.hnsw.efConstruction = settings.ef_construction
        # With FAISS's 16 many rows would be put into a list that is not theirs, where no query looks for them.
        quantizer.hnsw.efSearch = 2 * settings.ef_construction


def _sample(vectors: Float32, settings: IndexSettings) -> Float32:
    assert settings.nlist is not None
    wanted = max(_FEWEST_ROWS, _ROWS_A_LIST * settings.nlist)
    if wanted >= len(vectors):
        return np.ascontiguousarray(vectors, dtype=np.float32)
    random = np.random.Generator(np.random.Philox(settings.seed))
    rows = np.sort(random.choice(len(vectors), size=wanted, replace=False))
    return np.ascontiguousarray(vectors[rows], dtype=np.float32)


def _reason(error: RuntimeError) -> str:
    """Return what FAISS says without the place in its source."""
    text = " ".join(str(error).split())
    return text.partition(" at /")[2].partition(": ")[2] or text
