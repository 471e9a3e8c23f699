"""Open an export and read its vectors back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import Float32
from gnn_search.errors import RequestError
from gnn_search.export.manifest import ExportManifest
from gnn_search.export.registry import READERS
from gnn_search.export.settings import FormatName
from gnn_search.export.storage import Storage
from gnn_search.index.flat import FlatIndex
from gnn_search.index.store import open_flat_index
from gnn_search.layout import ExportLayout, hash_files
from gnn_search.manifest import Artefact

_EXPORT = Artefact("export", "export the model again", "gnn-search export")


@dataclass(frozen=True)
class Export:
    """An export that is whole. Its files are there and have the right sizes; each is held to its hash when it is read.

    Attributes:
        path: The folder.
        manifest: What it says of itself.
    """

    path: Path
    manifest: ExportManifest

    def parts(self, table: str, form: FormatName | None = None) -> Iterator[tuple[pl.DataFrame, Float32]]:
        """Yield a table of vectors file by file.

        Args:
            table: `product`, `query`, `category`, `user` or `request`, where it was written.
            form: `parquet`, `npy` or `safetensors`; by default the first of them that is there.

        Yields:
            The ids, the shop's own, and the vectors, int8 and float16 turned back into float32 [rows, d].

        Raises:
            RequestError: There is no such table, or no such format.
            ArtefactError: A file is damaged.
        """
        form = self._form(form)
        if table not in self.manifest.counts:
            raise RequestError(f"the export {self.path} has no table '{table}'; it has {', '.join(self.manifest.counts)}")
        reader, storage = READERS[form], Storage(self.manifest.dtype, self.manifest.scale)
        prefix = f"{form}/{table}-"
        names = sorted(name for name in self.manifest.files if name.startswith(prefix) and not name.endswith(".ids.parquet"))
        for name in names:
            beside = [other for other in self.manifest.files if other.startswith(name.removesuffix(reader.suffix))]
            self._check_hashes(beside)
            yield reader.read(self.path / name, storage)

    def read(self, table: str, form: FormatName | None = None) -> tuple[pl.DataFrame, Float32]:
        """Return a whole table in memory; see `parts`."""
        parts = list(self.parts(table, form))
        return pl.concat([keys for keys, _ in parts]), np.concatenate([vectors for _, vectors in parts])

    def index(self) -> FlatIndex:
        """Open the FAISS index of the products.

        Raises:
            RequestError: There is none.
            ArtefactError: It is damaged.
        """
        if "faiss" not in self.manifest.formats:
            raise RequestError(f"the export {self.path} has no FAISS index; export with --format faiss")
        return open_flat_index(ExportLayout(self.path).index)

    def verify(self) -> None:
        """Read every file and hold it to its hash.

        Raises:
            ArtefactError: One differs.
        """
        self._check_hashes(list(self.manifest.files))

    def _form(self, form: FormatName | None) -> FormatName:
        there = [name for name in self.manifest.formats if name in READERS]
        if form is None and there:
            return there[0]
        if form is None or form not in there:
            wanted = f"the format {form}" if form else "no format that can be read back"
            has = "has not" if form else "has"
            raise RequestError(f"the export {self.path} {has} {wanted}; it has {', '.join(self.manifest.formats)}")
        return form

    def _check_hashes(self, names: list[str]) -> None:
        for name in names:
            if hash_files([self.path / name]) != self.manifest.files[name].hash:
                raise _EXPORT.damaged(self.path, f"{name} differs from what was written")


def open_export(path: Path) -> Export:
    """Open a folder that `gnn-search export` wrote.

    Raises:
        ArtefactError: The folder is no export, is damaged, or is of another version.
    """
    layout = ExportLayout(Path(path))
    manifest = _EXPORT.read_manifest(layout.manifest, ExportManifest)
    _EXPORT.check_sizes(layout.root, {name: file.bytes for name, file in manifest.files.items()})
    return Export(layout.root, manifest)
