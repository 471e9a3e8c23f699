"""Open an index folder of any kind."""

from __future__ import annotations

from pathlib import Path

from gnn_search.index.approximate import ApproximateIndex
from gnn_search.index.flat import FlatIndex
from gnn_search.index.folder import read_manifest


def open_index(folder: Path) -> FlatIndex | ApproximateIndex:
    """Open a saved index with its ids.

    Raises:
        ArtefactError: The folder is no index, is damaged or half-written, or is of another version.
    """
    return FlatIndex.open(folder) if read_manifest(folder).kind == "flat" else ApproximateIndex.open(folder)
