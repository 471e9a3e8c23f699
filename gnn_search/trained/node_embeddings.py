"""The vectors of every node as of one time, kept in the model folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from gnn_search.arrays import Float32, open_array
from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.layout import staged, write_json
from gnn_search.manifest import Artefact
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.collaborative import CollaborativeFactors
from gnn_search.trained.model import Model

NODE_TYPES = ("product", "query", "category", "user")
"""Whose vectors are kept."""

_USER_FACTORS, _PRODUCT_FACTORS = "user_factors.npy", "product_factors.npy"


class VectorsManifest(StrictModel):
    """What `vectors.json` says: the cut-off (µs) of the vectors, and the hashes of the model and of the graph that they come from."""

    as_of: int
    model_hash: str
    graph_hash: str


@dataclass(frozen=True)
class NodeEmbeddings:
    """Unit vectors by node type, row i = node i; a user of whom nothing is known has the zero vector.

    Attributes:
        vectors: By node type, float32 [nodes, d] each.
        as_of: Everything before it was known, µs.
        factors: Of users and products, for the reranker; None where the model has none.
    """

    vectors: dict[str, Float32]
    as_of: int
    factors: CollaborativeFactors | None = None


def encode_nodes(model: Model, as_of: int, node_types: Sequence[str] = NODE_TYPES) -> NodeEmbeddings:
    """Encode the nodes of some types as they were known just before a time (µs); with users come the collaborative factors."""
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(as_of))
    queries = np.arange(model.graph.num_nodes["query"], dtype=np.int32)
    encode: dict[str, Callable[[], Tensor]] = {
        "product": lambda: encoder.products,
        "query": lambda: encoder.encode_queries(queries),
        "category": encoder.encode_categories,
        "user": encoder.encode_users,
    }
    vectors = {node_type: encode[node_type]().numpy() for node_type in node_types}
    if model.reranker is None or "user" not in node_types:
        return NodeEmbeddings(vectors, as_of)
    candidates = CandidateIndex(encoder.view, model.config.reranker, model.inputs.history, encoder.categories)
    return NodeEmbeddings(vectors, as_of, candidates.factors)


def save_node_embeddings(model: Model, shop: NodeEmbeddings) -> None:
    """Write the vectors into the model folder, whole or not at all."""
    with staged(model.layout.node_embeddings, replace=True) as partial:
        partial.mkdir()
        for node_type, vectors in shop.vectors.items():
            np.save(partial / f"{node_type}.npy", vectors)
        if shop.factors is not None:
            np.save(partial / _USER_FACTORS, shop.factors.user)
            np.save(partial / _PRODUCT_FACTORS, shop.factors.product)
        info = VectorsManifest(as_of=shop.as_of, model_hash=model.manifest.hash, graph_hash=model.graph.manifest.hash)
        write_json(partial / "vectors.json", info.model_dump(mode="json"))


def open_node_embeddings(model: Model, as_of: int | None = None) -> NodeEmbeddings:
    """Open the stored vectors memory-mapped, or encode the nodes where none are stored for this time.

    Args:
        model: The model.
        as_of: Everything before it is known, µs; by default the start of the test period.

    Raises:
        ArtefactError: The stored vectors are damaged or of another model.
    """
    time = model.graph.manifest.test_start if as_of is None else as_of
    folder = model.layout.node_embeddings
    if not folder.is_dir():
        return encode_nodes(model, time)
    stored = read_vectors_manifest(folder)
    if stored.model_hash != model.manifest.hash:
        raise ArtefactError(
            f"the vectors in {folder} were made by another model than {model.path}; remove the folder, and they are made anew"
        )
    if stored.as_of != time:
        return encode_nodes(model, time)
    nodes, width, ranks = model.graph.num_nodes, model.manifest.dimension, model.config.reranker.factors
    vectors = {kind: read_vectors(folder / f"{kind}.npy", (nodes[kind], width)) for kind in NODE_TYPES}
    factors = None
    if model.reranker is not None:
        user = read_vectors(folder / _USER_FACTORS, (nodes["user"], max(ranks, default=0)))
        product = read_vectors(folder / _PRODUCT_FACTORS, (nodes["product"], max(ranks, default=0)))
        factors = CollaborativeFactors(user, product, ranks)
    return NodeEmbeddings(vectors, time, factors)


def read_vectors_manifest(folder: Path) -> VectorsManifest:
    """Read what a model's folder of vectors says of them.

    Raises:
        ArtefactError: It is missing or damaged.
    """
    artefact = Artefact("vectors", f"remove {folder}, and it is made anew", "gnn-search embed")
    return artefact.read_manifest(folder / "vectors.json", VectorsManifest)


def read_vectors(file: Path, expected: tuple[int, int]) -> Float32:
    """Open a file of vectors memory-mapped.

    Raises:
        ArtefactError: It is damaged, or not float32 of the shape expected.
    """
    # Torch takes no array that can't be written to. What is written into this one stays in memory, and the file as it is.
    return np.asarray(open_array(file, f"remove {file.parent}, and it is made anew", np.float32, expected, "c"))
