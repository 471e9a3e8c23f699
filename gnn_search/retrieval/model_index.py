"""Open a saved index of a model's products."""

from __future__ import annotations

from pathlib import Path

from gnn_search.errors import ArtefactError
from gnn_search.graph.store import to_datetime
from gnn_search.index.base import ProductIndex
from gnn_search.index.boosting.boost import Boost
from gnn_search.index.store import IndexManifest, open_index, read_index_manifest
from gnn_search.trained.model import Model


def open_model_index(folder: Path, model: Model, as_of: int, boost: Boost | None = None) -> ProductIndex:
    """Open an index whose row i is product i of a model.

    Products may have been removed from it, and others, which the model's graph does not hold, added behind its own.

    Args:
        folder: The index.
        model: The model.
        as_of: Everything before it is known, µs.
        boost: What the products are boosted by, with qualities as of then; its weights may be newer than the index.

    Raises:
        ArtefactError: The folder is no index, is damaged, is of another model or time, holds other qualities than the boost, or its rows
            are not the model's products.
    """
    manifest, time = read_index_manifest(folder), to_datetime(as_of).isoformat()
    if manifest.model_hash != model.manifest.hash:
        raise ArtefactError(f"the index {folder} is of another model than {model.path}; make one of this model with 'gnn-search index'")
    if manifest.as_of != time:
        raise ArtefactError(
            f"the index {folder} holds vectors as of {manifest.as_of}, and is to be searched as of {time}; make one as of that time"
        )
    _check_qualities(folder, manifest, boost)
    index = open_index(folder)
    own = model.graph.nodes("product").to_series(0)
    known = None if index.ids is None else index.ids.head(len(own))
    if known is None or len(known) < len(own) or known.dtype != own.dtype or (known != own).any():
        raise ArtefactError(f"the rows of the index {folder} are not the products of {model.path}; make one with 'gnn-search index'")
    return index


def is_changed(index: ProductIndex, model: Model) -> bool:
    """Say whether products were removed from a model's index, or added to it."""
    return index.ids is not None and (bool(index.ids.null_count()) or len(index.ids) != model.graph.num_nodes["product"])


def _check_qualities(folder: Path, manifest: IndexManifest, boost: Boost | None) -> None:
    if boost is None and manifest.quality_hash is not None:
        raise ArtefactError(f"the index {folder} holds boosted vectors; give the boost that it was made with, or an index of vectors alone")
    if boost is not None and manifest.quality_hash is None:
        raise ArtefactError(
            f"the index {folder} holds vectors alone, which can't be boosted; make one with 'gnn-search index --boost', or leave one out"
        )
    if boost is not None and manifest.quality_hash != boost.quality_hash:
        raise ArtefactError(f"the index {folder} holds other qualities than the boost has; make one with 'gnn-search index --boost'")
