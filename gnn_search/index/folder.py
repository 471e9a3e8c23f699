"""The folder of an index, the same for every kind: a FAISS file, the ids of its rows, whole vectors where there are any, and a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# torch comes before FAISS: each brings an OpenMP of its own, and in the other order some systems stop in a deadlock.
# isort: off
import torch  # noqa: F401
import faiss
# isort: on

import polars as pl

from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.index.full_vectors import FullVectors
from gnn_search.index.measured import Measured
from gnn_search.index.settings import IndexSettings
from gnn_search.index.tuning.result import Tuning
from gnn_search.layout import FORMAT_VERSION, IndexLayout, hash_files, staged, write_json
from gnn_search.manifest import open_manifest
from gnn_search.versions import library_versions

METRIC = "inner_product"
AGAIN = "make the index again"


class IndexManifest(StrictModel):
    """What `index.json` says of an index.

    Attributes:
        format_version: Of the folder.
        kind: Of the index.
        faiss: Type of the FAISS index.
        settings: With which it was made and is searched, every number in place.
        metric: How vectors are compared.
        dimension: Of the vectors.
        count: Products that can be found.
        rows: Places for products; a removed one leaves its row empty.
        id_column: What the ids are called.
        files: Size in bytes of each file.
        hash: Hash over these files.
        model_hash: Hash of the model whose vectors they are.
        graph_hash: Hash of the graph that they were encoded from.
        as_of: What was known before this moment (ISO 8601, UTC) is in the vectors.
        quality_hash: Hash of the qualities that a boost put into the vectors; None where there are none.
        measured: What the index found and cost when it was made; absent after products were added or removed.
        tuning: What was tried before this one was chosen; None where none was tuned.
        versions: Of the libraries that made it.
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


def write_folder(
    folder: Path,
    index: faiss.Index,
    settings: IndexSettings,
    ids: pl.Series,
    full: FullVectors | None,
    extra: Mapping[str, Any] | None,
    *,
    replace: bool,
) -> None:
    """Write an index folder, whole or not at all.

    Args:
        folder: The place.
        index: What FAISS holds.
        settings: Resolved.
        ids: The shop's id of each row, null for a removed product.
        full: Whole vectors for re-ranking.
        extra: Further entries of the manifest: model_hash, graph_hash, as_of, quality_hash, measured, tuning.
        replace: Put it in the place of an old one.

    Raises:
        OutputExistsError: `folder` exists and `replace` is false.
    """
    with staged(folder, replace=replace) as partial:
        partial.mkdir()
        layout = IndexLayout(partial)
        faiss.write_index(index, str(layout.faiss))
        ids.to_frame().write_parquet(layout.ids)
        if full is not None:
            full.write(layout.full, layout.full_scale)
        files = layout.files()
        manifest = IndexManifest(
            format_version=FORMAT_VERSION,
            kind=settings.kind,
            faiss=type(index).__name__,
            settings=settings,
            metric=METRIC,
            dimension=index.d,
            count=len(ids) - ids.null_count(),
            rows=len(ids),
            id_column=ids.name,
            files={file.name: file.stat().st_size for file in files},
            hash=hash_files(files),
            versions=library_versions(),
            **(extra or {}),
        )
        write_json(layout.manifest, manifest.model_dump(mode="json"))


def read_manifest(folder: Path) -> IndexManifest:
    """Read the manifest of an index folder.

    Raises:
        ArtefactError: The folder is no index, or is of another version.
    """
    return open_manifest(IndexLayout(folder).manifest, IndexManifest, "an index folder", AGAIN)


def read_folder(folder: Path) -> tuple[IndexManifest, faiss.Index, pl.Series, FullVectors | None]:
    """Read an index folder: its manifest, what FAISS holds, the ids of the rows, and the whole vectors where there are any.

    Raises:
        ArtefactError: The folder is no index, is damaged or half-written, or is of another version.
    """
    manifest, layout = read_manifest(folder), IndexLayout(folder)
    for name in manifest.files:
        if not (folder / name).is_file():
            raise ArtefactError(f"the index {folder} is damaged: {name} is missing; {AGAIN}")
    if hash_files(layout.files()) != manifest.hash:
        raise ArtefactError(f"the index {folder} is damaged: its files differ from those that were written; {AGAIN}")
    try:
        index = faiss.read_index(str(layout.faiss))
        ids = pl.read_parquet(layout.ids).to_series()
    except (RuntimeError, pl.exceptions.PolarsError) as error:
        raise ArtefactError(f"the index {folder} is damaged ({error}); {AGAIN}") from None
    if type(index).__name__ != manifest.faiss or index.d != manifest.dimension or len(ids) != manifest.rows:
        found = f"{type(index).__name__} of {index.d} dimensions with {len(ids)} ids"
        raise ArtefactError(
            f"the index {folder} is damaged: expected {manifest.faiss} of {manifest.dimension} dimensions with {manifest.rows} ids, "
            f"got {found}; {AGAIN}"
        )
    return manifest, index, ids, _open_full(layout, manifest)


def _open_full(layout: IndexLayout, manifest: IndexManifest) -> FullVectors | None:
    precision = manifest.settings.precision
    if precision is None:
        return None
    mapped = manifest.settings.full_in == "disk"
    return FullVectors.open(layout.full, layout.full_scale, (manifest.rows, manifest.dimension), precision, mapped=mapped)
