"""A boost: qualities f(p) of products, the weights w that meet them, and vectors with both inside, for any index of inner products.

A product becomes [p; f(p)] and a query [q; w], so their inner product is q·p + w·f(p). Method: quality boosting of "Unified Embedding Based
Personalized Retrieval in Etsy Search" (arXiv 2306.04833, section 5).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gnn_search.arrays import Float32, open_array
from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError, RequestError
from gnn_search.graph.store import Graph, GraphView
from gnn_search.index.boosting.qualities import (
    OF_LOG,
    SIDES,
    halvings,
    has_interactions,
    measure_quality,
    numeric_product_columns,
    quality_borders,
)
from gnn_search.index.product_file import read_product_columns
from gnn_search.layout import FORMAT_VERSION, staged, write_json
from gnn_search.machine import library_versions
from gnn_search.manifest import Artefact, hash_manifest
from gnn_search.trained.model import Model

_MANIFEST = "boost.json"
_FILES = _QUALITY, _IDS = "quality.npy", "ids.parquet"
_BOOST = Artefact("boost", "run 'gnn-search boost' again", "gnn-search boost")


class QualityBorders(StrictModel):
    """One quality: where its values come from, and the quantiles of the products that had interactions."""

    name: str
    source: Literal["log", "products", "file"]
    borders: tuple[float, ...]


class BoostManifest(StrictModel):
    """What `boost.json` says of a boost.

    Attributes:
        as_of: The cut-off (µs): what was known before it is in `quality.npy`.
        dimensions: Names of the columns of `quality.npy`.
        weights: By action, one a dimension.
        hash: Of the other files, and of all that stands here but itself.
        fit: How the weights were fitted, and what they earn.
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
    """Qualities of all products and, by action, their weights.

    Attributes:
        qualities: Where they come from.
        as_of: The cut-off (µs) before which everything is known.

    Shapes:
        - weights: float32 [e] by action
        - quality: float32 [products, e], two columns a quality
    """

    qualities: tuple[QualityBorders, ...]
    weights: Mapping[str, Float32]
    quality: Float32
    as_of: int

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the columns of `quality`."""
        return tuple(f"{quality.name}, {side}" for quality in self.qualities for side in SIDES)

    @cached_property
    def quality_hash(self) -> str:
        """Hash of the qualities, which says whether an index holds them; weights may change without it."""
        digest = hashlib.blake2b(json.dumps([list(self.dimensions), self.as_of]).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.quality).tobytes())
        return digest.hexdigest()

    def weights_of(self, action: str | None = None) -> Float32:
        """Return the weights of an action, which may be left out where there is one.

        Raises:
            RequestError: There is no such action, or it is left out where there are several.
        """
        if action is None and len(self.weights) == 1:
            return next(iter(self.weights.values()))
        if action is None or action not in self.weights:
            got = "none was named" if action is None else f"got '{action}'"
            raise RequestError(f"the boost has weights for {', '.join(self.weights)}, {got}; name one of these actions")
        return self.weights[action]

    def at(self, view: GraphView) -> Boost:
        """Return the boost with the qualities as known in a view; columns of products and files have no time and stay.

        What the log says gets new borders too, so that a product is ranked among the products that have interactions by then. With old
        ones a log that has grown would move all products at once, those with equally many interactions across a border together.
        """
        if view.time == self.as_of:
            return self
        known, parts, qualities = has_interactions(view), [], []
        for place, one in enumerate(self.qualities):
            if one.source == "log":
                value = measure_quality(view, one.name)
                borders = quality_borders(value, known)
                qualities.append(one.model_copy(update={"borders": tuple(borders)}))
                parts.append(halvings(value, borders))
            else:
                qualities.append(one)
                parts.append(self.quality[:, len(SIDES) * place : len(SIDES) * (place + 1)])
        return replace(self, qualities=tuple(qualities), quality=np.concatenate(parts, axis=1), as_of=view.time)


def save_boost(folder: Path, boost: Boost, model: Model, fit: Mapping[str, Any]) -> None:
    """Write qualities, ids, weights and a manifest, whole or not at all.

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
        hashed = manifest.model_copy(update={"hash": hash_manifest(manifest, [partial / name for name in _FILES])})
        write_json(partial / _MANIFEST, hashed.model_dump(mode="json"))


def open_boost(folder: Path, model: Model) -> Boost:
    """Open a saved boost.

    Raises:
        ArtefactError: The folder is no boost, is damaged or half-written, of another version, or was fitted to another model or graph.
    """
    manifest = _BOOST.read_manifest(folder / _MANIFEST, BoostManifest)
    for what, found, expected in (
        ("model", manifest.model_hash, model.manifest.hash),
        ("graph", manifest.graph_hash, model.graph.manifest.hash),
    ):
        if found != expected:
            raise ArtefactError(f"the boost {folder} was fitted to another {what} (hash {found}, expected {expected}); {_BOOST.again}")
    _BOOST.check_hash(folder, _FILES, manifest.hash, manifest)
    shape = (model.graph.num_nodes["product"], len(manifest.dimensions))
    quality = open_array(folder / _QUALITY, _BOOST.again, np.float32, shape, None)
    if not _BOOST.read_table(folder, folder / _IDS).to_series().equals(model.graph.nodes("product").to_series(0)):
        raise _BOOST.damaged(folder, "its products are not those of the graph")
    weights = {action: np.asarray(values, dtype=np.float32) for action, values in manifest.weights.items()}
    return Boost(manifest.qualities, weights, quality, manifest.as_of)


def boosted_products(vectors: Float32, boost: Boost) -> Float32:
    """Return [p; f(p) / s].

    s makes the qualities about as large as the vector's own numbers, so that an index that rounds them treats all the same; it is a power
    of two, so that nothing is lost. Weights are not in it: new ones need no new index.

    Shapes:
        - vectors: float32 [products, d]
        - returns: float32 [products, d + e]
    """
    return np.concatenate([vectors, boost.quality / _scale(vectors.shape[1])], axis=1)


def boosted_queries(vectors: Float32, boost: Boost, action: str | None = None) -> Float32:
    """Return [q; s w], w being the weights of an action, which may be left out where there is one.

    Shapes:
        - vectors: float32 [requests, d]
        - returns: float32 [requests, d + e]

    Raises:
        RequestError: There are no weights for the action, or it is left out where the boost has several.
    """
    weights = boost.weights_of(action) * _scale(vectors.shape[1])
    return np.concatenate([vectors, np.broadcast_to(weights, (len(vectors), len(weights)))], axis=1)


def _scale(dimension: int) -> np.float32:
    return np.float32(2.0 ** int(np.log2(dimension) / 2))


def build_boost(graph: Graph, names: Sequence[str], columns: Path | None = None) -> Boost:
    """Return the qualities of all products as known at the start of validation, without weights.

    Args:
        graph: The shop.
        names: `popularity`, `recency`, `conversion`, numeric columns of the products, or columns of the file.
        columns: A file of further columns by product_id.

    Raises:
        RequestError: There is no quality, one is named twice or unknown, or no product with an interaction in training has a value of it.
        TableError: The file can't be used.
    """
    if not names:
        raise RequestError(f"a boost needs at least one quality; give {', '.join(OF_LOG)} or a numeric column of the products")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise RequestError(f"the quality '{twice[0]}' is named more than once; name it once")
    here = {*OF_LOG, *numeric_product_columns(graph)}
    elsewhere = [name for name in names if name not in here]
    if columns is not None and not elsewhere:
        raise RequestError(f"no quality is read from {columns}, as the shop itself has {', '.join(names)}; name one of its columns")
    read = {} if columns is None else read_product_columns(columns, elsewhere, graph)
    view = graph.before(graph.manifest.validation_start)
    trained = has_interactions(view)
    qualities, parts = [], []
    for name in names:
        value = read[name] if name in read else measure_quality(view, name)
        borders = quality_borders(value, trained)
        if not borders:
            raise RequestError(f"no product with an interaction before validation has a value of '{name}'; leave it out")
        source: Literal["log", "products", "file"] = "file" if name in read else "log" if name in OF_LOG else "products"
        qualities.append(QualityBorders(name=name, source=source, borders=tuple(borders)))
        parts.append(halvings(value, borders))
    return Boost(tuple(qualities), {}, np.concatenate(parts, axis=1), view.time)
