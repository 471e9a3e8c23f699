"""Read the manifest of an artefact, the JSON file that says what a folder is and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gnn_search.errors import ArtefactError
from gnn_search.layout import FORMAT_VERSION, inside, read_json

Manifest = TypeVar("Manifest", bound=BaseModel)


def open_manifest(file: Path, kind: type[Manifest], what: str, again: str) -> Manifest:
    """Read a manifest that this program can read.

    Args:
        file: Where it is.
        kind: What it holds, with `format_version` among its fields.
        what: What its folder is, such as 'an index folder', for messages.
        again: What to do where it can't be read, such as 'make the index again'.

    Raises:
        ArtefactError: It is absent, no JSON, of another version, or damaged, or names `files` outside of its folder.
    """
    content = read_json(file, what)
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise ArtefactError(f"{file} is of format version {version}, this program reads {FORMAT_VERSION}; {again}")
    try:
        manifest = kind.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise ArtefactError(f"{file} is damaged ('{key}': {fault['msg']}); {again}") from None
    for name in getattr(manifest, "files", ()):
        inside(file.parent, name)
    return manifest
