"""What products are boosted by: their qualities f(p) and the weights w that meet them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError, RequestError
from gnn_search.graph.store import GraphView
from gnn_search.index.boosting.qualities import measure_quality, was_chosen
from gnn_search.index.boosting.quantiles import SIDES, halvings, quantile_borders
from gnn_search.layout import FORMAT_VERSION, hash_files, staged, write_json
from gnn_search.manifest import open_manifest
from gnn_search.trained.model import Model
from gnn_search.versions import library_versions

Float32 = npt.NDArray[np.float32]

_QUALITY, _IDS, _MANIFEST = "quality.npy", "ids.parquet", "boost.json"
_AGAIN = "run 'gnn-search boost' again"


class QualityBorders(StrictModel):
    """One quality: where its values come from, and the quantiles of the products that were chosen before."""

    name: str
    source: Literal["log", "products", "file"]
    borders: tuple[float, ...]


class BoostManifest(StrictModel):
    """What `boost.json` says of a boost.

    Attributes:
        format_version: Of the folder.
        model_hash: Hash of the model whose vectors it was fitted to.
        graph_hash: Hash of the graph's content.
        as_of: What was known before this moment (µs) is in `quality.npy`.
        dimensions: Names of the columns of `quality.npy`.
        qualities: Where they come from.
        weights: By kind of choice, one a dimension.
        products: Rows.
        hash: Of the other files, and of all that stands here but itself.
        fit: How the weights were fitted, and what they earn.
        versions: Of the libraries that made it.
    """

    format_version: int
    model_hash: str
    graph_hash: str
    as_of: int
    dimensions: tuple[str, ...]
    qualities: tuple[QualityBorders, ...]
    weights: dict[str, tuple[float, ...]]
    products: int
    hash: str
    fit: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class Boost:
    """Qualities of all products and, by kind of choice, their weights.

    Shapes:
        quality: float32 [products, e], two columns a quality; weights: float32 [e] each; as_of: µs, what was known before it.
    """

    qualities: tuple[QualityBorders, ...]
    weights: Mapping[str, Float32]
    quality: Float32
    as_of: int

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the columns of `quality`."""
        return dimension_names([quality.name for quality in self.qualities])

    @cached_property
    def quality_hash(self) -> str:
        """Hash of the qualities, which says whether an index holds them; weights may change without it."""
        digest = hashlib.blake2b(json.dumps([list(self.dimensions), self.as_of]).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.quality).tobytes())
        return digest.hexdigest()

    def weights_of(self, action: str | None = None) -> Float32:
        """Return the weights of a kind of choice; it may be left out where there is one.

        Raises:
            RequestError: There is no such kind, or it is left out where there are several.
        """
        if action is None and len(self.weights) == 1:
            return next(iter(self.weights.values()))
        if action is None or action not in self.weights:
            got = "none was named" if action is None else f"got '{action}'"
            raise RequestError(f"the boost has weights for {', '.join(self.weights)}, {got}; name one of these actions")
        return self.weights[action]

    def at(self, view: GraphView) -> Boost:
        """Return the boost with the qualities as known in a view; columns of products and files have no time and stay.

        What the log says gets new borders too, so that a product's place is that among the products chosen by then. With old ones a log
        that has grown would move all products at once, those chosen equally often across a border together.
        """
        if view.time == self.as_of:
            return self
        known, parts, qualities = was_chosen(view), [], []
        for place, one in enumerate(self.qualities):
            if one.source == "log":
                value = measure_quality(view, one.name)
                borders = quantile_borders(value, known)
                qualities.append(one.model_copy(update={"borders": tuple(borders)}))
                parts.append(halvings(value, borders))
            else:
                qualities.append(one)
                parts.append(self.quality[:, len(SIDES) * place : len(SIDES) * (place + 1)])
        return replace(self, qualities=tuple(qualities), quality=np.concatenate(parts, axis=1), as_of=view.time)


def dimension_names(qualities: list[str]) -> tuple[str, ...]:
    """Return the names of the dimensions of some qualities."""
    return tuple(f"{name}, {side}" for name in qualities for side in SIDES)


def save_boost(folder: Path, boost: Boost, model: Model, fit: Mapping[str, Any]) -> None:
    """Write qualities, ids, weights and a manifest, whole or not at all.

    Args:
        folder: To be made.
        boost: The boost.
        model: The model whose vectors it was fitted to.
        fit: How it was fitted, for the manifest.

    Raises:
        OutputExistsError: `folder` exists.
    """
    with staged(folder) as partial:
        partial.mkdir()
        np.save(partial / _QUALITY, boost.quality)
        model.graph.nodes("product").to_series(0).to_frame().write_parquet(partial / _IDS)
        manifest = BoostManifest(
            format_version=FORMAT_VERSION,
            model_hash=model.manifest.hash,
            graph_hash=model.graph.manifest.hash,
            as_of=boost.as_of,
            dimensions=boost.dimensions,
            qualities=boost.qualities,
            weights={action: tuple(weights.tolist()) for action, weights in boost.weights.items()},
            products=len(boost.quality),
            hash="",
            fit=dict(fit),
            versions=library_versions(),
        )
        write_json(partial / _MANIFEST, manifest.model_copy(update={"hash": _hash(manifest, partial)}).model_dump(mode="json"))


def open_boost(folder: Path, model: Model) -> Boost:
    """Open a saved boost.

    Raises:
        ArtefactError: The folder is no boost, is damaged or half-written, of another version, or was fitted to another model or graph.
    """
    manifest = open_manifest(folder / _MANIFEST, BoostManifest, "a boost folder", _AGAIN)
    for what, found, expected in (
        ("model", manifest.model_hash, model.manifest.hash),
        ("graph", manifest.graph_hash, model.graph.manifest.hash),
    ):
        if found != expected:
            raise ArtefactError(f"the boost {folder} was fitted to another {what} (hash {found}, expected {expected}); {_AGAIN}")
    files = [folder / _QUALITY, folder / _IDS]
    for file in files:
        if not file.is_file():
            raise ArtefactError(f"the boost {folder} is damaged: {file.name} is missing; {_AGAIN}")
    if _hash(manifest, folder) != manifest.hash:
        raise ArtefactError(f"the boost {folder} is damaged: its files differ from those that were written; {_AGAIN}")
    quality = np.load(files[0], allow_pickle=False)
    ids = pl.read_parquet(files[1]).to_series()
    expected_shape = (model.graph.num_nodes["product"], len(manifest.dimensions))
    if quality.shape != expected_shape or not ids.equals(model.graph.nodes("product").to_series(0)):
        raise ArtefactError(f"the boost {folder} is damaged: expected qualities {expected_shape}, got {quality.shape}; {_AGAIN}")
    weights = {action: np.asarray(values, dtype=np.float32) for action, values in manifest.weights.items()}
    return Boost(manifest.qualities, weights, quality, manifest.as_of)


def _hash(manifest: BoostManifest, folder: Path) -> str:
    fields = manifest.model_dump(mode="json", exclude={"hash"})
    fields["content"] = hash_files([folder / _QUALITY, folder / _IDS])
    return hashlib.blake2b(json.dumps(fields, sort_keys=True).encode(), digest_size=16).hexdigest()
