"""Build an index folder from vectors, and measure what was built."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnn_search.arrays import Float32
from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.flat import FlatIndex
from gnn_search.index.measure import Seconds, measure_index
from gnn_search.index.settings import IndexSettings
from gnn_search.index.store import IndexManifest, open_index, read_index_manifest, save_index
from gnn_search.layout import IndexLayout, refuse_existing, staged, write_json


def build_index(
    vectors: Float32,
    ids: pl.Series,
    settings: IndexSettings,
    queries: Float32,
    out: Path,
    *,
    extra: Mapping[str, Any] | None = None,
    exact: Float32 | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> IndexManifest:
    """Write an index folder, measured as it will be used: opened from its files.

    Args:
        vectors: Row i is product i's; may be memory-mapped, and is read a block at a time.
        ids: The shop's id of each row.
        settings: How; need not be resolved.
        queries: What the index is measured with.
        out: The folder, made whole or not at all.
        extra: Further entries of the manifest.
        exact: Scores of the queries' exact lists, where they are known.
        progress: Called with the rows added and all rows.

    Shapes:
        - vectors: float32 [n, d]
        - ids: [n]
        - queries: float32 [m, d]
        - exact: float32 [m, k]

    Returns:
        The manifest, with what was measured.

    Raises:
        OutputExistsError: `out` exists.
        RequestError: FAISS knows no such index, or can't make it of these vectors.
    """
    refuse_existing(out)
    with staged(out) as partial:
        start = Seconds.read()
        _write(vectors, ids, settings, partial, extra, progress)
        spent = start.since()
        measured = measure_index(open_index(partial), partial, vectors, queries, spent, exact)
        manifest = read_index_manifest(partial).model_copy(update={"measured": measured})
        write_json(IndexLayout(partial).manifest, manifest.model_dump(mode="json"))
    return manifest


def _write(
    vectors: Float32,
    ids: pl.Series,
    settings: IndexSettings,
    folder: Path,
    extra: Mapping[str, Any] | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    # What was built is let go before it is opened again, so that there are never two of them in memory.
    if settings.kind == "flat":
        settings.resolve(*vectors.shape)
        save_index(FlatIndex.build(vectors, ids), folder, extra=extra)
        return
    with tempfile.TemporaryDirectory(prefix=".index-", dir=folder.parent) as scratch:
        save_index(ApproximateIndex.build(vectors, settings, ids, Path(scratch), progress), folder, extra=extra)
