"""Build, save and open index folders of every kind: a FAISS file, the rows' ids, whole vectors where there are any, a manifest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import faiss
import polars as pl

from gnn_search.arrays import Float32
from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.base import ProductIndex
from gnn_search.index.flat import FlatIndex
from gnn_search.index.full_vectors import FullVectors
from gnn_search.index.measure import Measured, Seconds, measure_index
from gnn_search.index.settings import IndexSettings
from gnn_search.index.tune import Tuning
from gnn_search.layout import FORMAT_VERSION, IndexLayout, hash_files, refuse_existing, staged, write_json
from gnn_search.machine import library_versions
from gnn_search.manifest import Artefact

METRIC = "inner_product"
INDEX = Artefact("index", "make the index again", "gnn-search index")


class IndexManifest(StrictModel):
    """What `index.json` says of an index.

    Attributes:
        faiss: Type of the FAISS index.
        settings: With which it was made and is searched, every number in place.
        metric: How vectors are compared.
        count: Products that can be found.
        rows: Places for products; a removed one leaves its row empty.
        id_column: What the ids are called.
        files: Size in bytes of each file.
        hash: Hash over these files.
        model_hash: Hash of the model whose vectors they are.
        graph_hash: Hash of the graph that they were encoded from.
        as_of: The cut-off (ISO 8601, UTC): what was known before it is in the vectors.
        quality_hash: Hash of the qualities that a boost put into the vectors; None where there are none.
        measured: What the index found and cost when it was made; absent after products were added or removed.
        tuning: The trials that this one was selected from; None without a tuning.
    """

    format_version: int
    kind: str
    faiss: str
    settings: IndexSettings
    metric: str
    dimension: int
    count: int
    rows: int
    id_column: str
    files: dict[str, int]
    hash: str
    model_hash: str | None = None
    graph_hash: str | None = None
    as_of: str | None = None
    quality_hash: str | None = None
    measured: Measured | None = None
    tuning: Tuning | None = None
    versions: dict[str, str]

    @property
    def origin(self) -> dict[str, str | None]:
        """Where the vectors come from, as entries of a manifest; so it stays when products are added or removed."""
        return {name: getattr(self, name) for name in ("model_hash", "graph_hash", "as_of", "quality_hash")}


def save_index(
    index: ProductIndex, folder: Path, ids: pl.Series | None = None, extra: Mapping[str, Any] | None = None, *, replace: bool = False
) -> None:
    """Write an index folder, whole or not at all.

    Args:
        index: The index.
        folder: The place.
        ids: The shop's id of each row, where the index was made without.
        extra: Further entries of the manifest (model_hash, graph_hash, as_of, quality_hash, measured, tuning), or others in the place of
            those that the index was opened with.
        replace: Put it in the place of an old one.

    Raises:
        OutputExistsError: `folder` exists and `replace` is false.
    """
    known = index.ids if ids is None else ids
    assert known is not None
    with staged(folder, replace=replace) as partial:
        partial.mkdir()
        layout = IndexLayout(partial)
        faiss.write_index(index.faiss_index, str(layout.faiss))
        known.to_frame().write_parquet(layout.ids)
        if index.full is not None:
            index.full.write(layout.full, layout.full_scale)
        files = [file for file in layout.parts if file.exists()]
        manifest = IndexManifest(
            format_version=FORMAT_VERSION,
            kind=index.settings.kind,
            faiss=type(index.faiss_index).__name__,
            settings=index.settings.resolve(index.rows, index.dimension),
            metric=METRIC,
            dimension=index.dimension,
            count=len(known) - known.null_count(),
            rows=len(known),
            id_column=known.name,
            files={file.name: file.stat().st_size for file in files},
            hash=hash_files(files),
            versions=library_versions(),
            **{**index.origin, **(extra or {})},
        )
        write_json(layout.manifest, manifest.model_dump(mode="json"))


def read_index_manifest(folder: Path) -> IndexManifest:
    """Read the manifest of an index folder.

    Raises:
        ArtefactError: The folder is no index, or is of another version.
    """
    return INDEX.read_manifest(IndexLayout(folder).manifest, IndexManifest)


def open_index(folder: Path) -> FlatIndex | ApproximateIndex:
    """Open a saved index of any kind with its ids.

    Raises:
        ArtefactError: The folder is no index, is damaged or half-written, or is of another version.
    """
    manifest, layout = read_index_manifest(folder), IndexLayout(folder)
    INDEX.check_hash(folder, [file.name for file in layout.parts if file.name in manifest.files], manifest.hash)
    try:
        stored: Any = faiss.read_index(str(layout.faiss))
    except RuntimeError as error:
        raise INDEX.damaged(folder, f"{layout.faiss.name} can't be read ({error})") from None
    ids = INDEX.read_table(folder, layout.ids).to_series()
    is_flat = manifest.kind == "flat"
    fits = type(stored).__name__ == manifest.faiss and isinstance(stored, faiss.IndexFlatIP if is_flat else faiss.Index)
    if not fits or stored.d != manifest.dimension or len(ids) != manifest.rows:
        found = f"{type(stored).__name__} of {stored.d} dimensions with {len(ids)} ids"
        expected = f"{manifest.faiss} of {manifest.dimension} dimensions with {manifest.rows} ids"
        raise INDEX.damaged(folder, f"expected {expected}, got {found}")
    index: FlatIndex | ApproximateIndex
    if is_flat:
        index = FlatIndex(stored, ids, manifest.origin)
    else:
        full, precision, shape = None, manifest.settings.precision, (manifest.rows, manifest.dimension)
        if precision is not None:
            mapped = manifest.settings.full_in == "disk"
            full = FullVectors.open(layout.full, layout.full_scale, shape, precision, INDEX.again, mapped=mapped)
        index = ApproximateIndex(stored, manifest.settings, full, ids, manifest.origin)
    rows = manifest.count if index.forgets else manifest.rows
    if stored.ntotal != rows:
        raise INDEX.damaged(folder, f"expected {rows} rows, got {stored.ntotal}")
    return index


def open_flat_index(folder: Path) -> FlatIndex:
    """Open a saved exact index.

    Raises:
        ArtefactError: As `open_index` says, or the index is of another kind.
    """
    index = open_index(folder)
    if not isinstance(index, FlatIndex):
        raise ArtefactError(f"the index {folder} is of kind {index.settings.kind}, expected a flat one; give another folder")
    return index


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
