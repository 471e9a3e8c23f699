"""Read artefact folders: the manifest that says what a folder is and how it was made, and the files that it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import BaseModel, ValidationError

from gnn_search.errors import ArtefactError
from gnn_search.layout import FORMAT_VERSION, hash_files, inside, read_json

_Manifest = TypeVar("_Manifest", bound=BaseModel)


@dataclass(frozen=True)
class Artefact:
    """A kind of folder that the package writes, and how messages speak of it.

    Attributes:
        name: Such as 'index'.
        again: What to do where one can't be read, such as 'make the index again'.
        command: What makes one, such as 'gnn-search index'.
    """

    name: str
    again: str
    command: str

    def read_manifest(self, file: Path, kind: type[_Manifest]) -> _Manifest:
        """Read a manifest, or another JSON file of a folder, that this program can read.

        Args:
            file: Where it is.
            kind: What it holds. Its version is held against this program's where it, or its `manifest`, has a `format_version`.

        Raises:
            ArtefactError: The folder or the file is absent, or the file is no JSON, of another version, or damaged.
        """
        if not file.parent.exists():
            raise ArtefactError(f"there is no {self.name} folder {file.parent}; make one with '{self.command}'")
        content = read_json(file, f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name} folder", self.again)
        run = content.get("manifest")  # that of a run stands inside its evaluation
        version = (run if isinstance(run, dict) else content).get("format_version")
        if ("format_version" in kind.model_fields or isinstance(run, dict)) and version != FORMAT_VERSION:
            raise ArtefactError(f"{file} is of format version {version}, this program reads {FORMAT_VERSION}; {self.again}")
        try:
            manifest = kind.model_validate(content)
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(str(part) for part in fault["loc"])
            raise ArtefactError(f"{file} is damaged ('{key}': {fault['msg']}); {self.again}") from None
        for name in getattr(manifest, "files", ()):
            inside(file.parent, name)
        return manifest

    def damaged(self, root: Path, fault: str) -> ArtefactError:
        """Return the error that says, in one line, what is wrong with a folder."""
        return ArtefactError(f"the {self.name} {root} is damaged: {' '.join(fault.split())}; {self.again}")

    def check_sizes(self, root: Path, sizes: Mapping[str, int]) -> None:
        """Hold files to their sizes, which costs little.

        Args:
            root: The folder.
            sizes: Bytes of each file, by its path in the folder.

        Raises:
            ArtefactError: A file is missing or has another size.
        """
        for name, size in sizes.items():
            file = root / name
            found = file.stat().st_size if file.is_file() else None
            if found != size:
                raise self.damaged(root, f"{name} is missing" if found is None else f"{name} has {found:,} bytes, expected {size:,}")

    def check_hash(self, root: Path, names: Iterable[str], expected: str, manifest: BaseModel | None = None) -> None:
        """Hold files, in the order given, to the hash over their bytes.

        Args:
            root: The folder.
            names: The files, by their paths in the folder.
            expected: The hash.
            manifest: What the hash covers as well, see `hash_manifest`; None for the files alone.

        Raises:
            ArtefactError: A file is missing, or the hash differs.
        """
        files = [root / name for name in names]
        for file in files:
            if not file.is_file():
                raise self.damaged(root, f"{file.name} is missing")
        if (hash_files(files) if manifest is None else hash_manifest(manifest, files)) != expected:
            raise self.damaged(root, "its files differ from those that were written")

    def read_table(self, root: Path, file: Path) -> pl.DataFrame:
        """Read a parquet file of a folder.

        Raises:
            ArtefactError: It is missing or damaged.
        """
        try:
            return pl.read_parquet(file)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self.damaged(root, f"{file.name} can't be read ({str(error)[:200]})") from None


def hash_manifest(manifest: BaseModel, files: Iterable[Path]) -> str:
    """Return the hash of a folder: of its files' bytes, and of every field of its manifest but `hash` itself."""
    fields = manifest.model_dump(mode="json", exclude={"hash"})
    fields["content"] = hash_files(files)
    return hashlib.blake2b(json.dumps(fields, sort_keys=True).encode(), digest_size=16).hexdigest()
