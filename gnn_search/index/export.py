"""Everything that another system needs of a model, with the shop's own ids."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from gnn_search.config.base import StrictModel
from gnn_search.graph.store import to_datetime
from gnn_search.index.flat import FlatIndex
from gnn_search.index.folder import METRIC
from gnn_search.layout import FORMAT_VERSION, ExportLayout, hash_files, refuse_existing, staged, write_json
from gnn_search.model.store import Model
from gnn_search.vectors.shop_vectors import ShopVectors
from gnn_search.vectors.tables import write_vector_table
from gnn_search.vectors.text_model import write_text_model
from gnn_search.versions import library_versions


class ExportedFile(StrictModel):
    """A file of an export: its size in bytes and its BLAKE2b hash."""

    bytes: int
    hash: str


class ExportManifest(StrictModel):
    """What `manifest.json` says of an export.

    Attributes:
        format_version: Of the folder.
        name: Of the configuration.
        graph_name: Of the graph.
        graph_hash: Hash of the graph's content.
        model_hash: Hash of the model's configuration, tokenizer and weights.
        as_of: What was known before this moment (UTC) is in the vectors.
        dimension: Of every vector.
        dtype: Of their numbers.
        metric: How vectors are compared.
        norm: Length of every vector, but for the zero ones.
        counts: Vectors by node type.
        zero_vectors: Vectors of length 0 by node type: shoppers of whom nothing is known, texts without a known token.
        files: All files but this one, by path.
        versions: Of the libraries that made it.
    """

    format_version: int
    name: str
    graph_name: str
    graph_hash: str
    model_hash: str
    as_of: datetime
    dimension: int
    dtype: str
    metric: str
    norm: float
    counts: dict[str, int]
    zero_vectors: dict[str, int]
    files: dict[str, ExportedFile]
    versions: dict[str, str]


def export_model(model: Model, shop: ShopVectors, out: Path) -> ExportManifest:
    """Write the vectors of all nodes, the FAISS index of the products, the text tower as a model of its own, and a manifest.

    The query vectors are those of known queries without a shopper; the text tower encodes any other.

    Args:
        model: The model.
        shop: Its vectors.
        out: The folder, made whole or not at all.

    Raises:
        OutputExistsError: `out` exists.
    """
    refuse_existing(out)
    with staged(out) as partial:
        layout = ExportLayout(partial)
        partial.mkdir()
        for node_type, vectors in shop.vectors.items():
            write_vector_table(layout.vectors(node_type), model.graph, node_type, vectors)
        index = FlatIndex.build(shop.vectors["product"])
        index.save(layout.index, model.graph.nodes("product").to_series(0), {"model_hash": model.manifest.hash})
        write_text_model(layout.text_tower, model.retriever.text)
        manifest = _describe(model, shop, partial)
        write_json(layout.manifest, manifest.model_dump(mode="json"))
    return manifest


def _describe(model: Model, shop: ShopVectors, folder: Path) -> ExportManifest:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return ExportManifest(
        format_version=FORMAT_VERSION,
        name=model.manifest.name,
        graph_name=model.graph.manifest.name,
        graph_hash=model.graph.manifest.hash,
        model_hash=model.manifest.hash,
        as_of=to_datetime(shop.as_of),
        dimension=model.manifest.dimension,
        dtype="float32",
        metric=METRIC,
        norm=1.0,
        counts={node_type: len(vectors) for node_type, vectors in shop.vectors.items()},
        zero_vectors={node_type: int(len(vectors) - np.any(vectors, axis=1).sum()) for node_type, vectors in shop.vectors.items()},
        files={path.relative_to(folder).as_posix(): _describe_file(path) for path in files},
        versions=library_versions(),
    )


def _describe_file(path: Path) -> ExportedFile:
    return ExportedFile(bytes=path.stat().st_size, hash=hash_files([path]))
