"""The vectors of every node as of one moment, kept in the model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import open_array
from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.layout import staged, write_json
from gnn_search.manifest import Artefact
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.store import Model
from gnn_search.sampling.walk.factors import Factors

Float32 = npt.NDArray[np.float32]
NODE_TYPES = ("product", "query", "category", "user")
"""Whose vectors are kept."""

_USER_FACTORS, _PRODUCT_FACTORS = "walk_user.npy", "walk_product.npy"


class VectorsManifest(StrictModel):
    """What `vectors.json` says: the cut-off (µs) of the vectors, and the hashes of the model and of the graph that they come from."""

    as_of: int
    model_hash: str
    graph_hash: str


@dataclass(frozen=True)
class ShopVectors:
    """Unit vectors by node type, row i = node i; a shopper of whom nothing is known has the zero vector.

    Shapes:
        vectors: float32 [nodes, d] each, for product, query, category and user. as_of: µs, what was known before it. factors: what the
        walk term knows of shoppers alike, where the model has one.
    """

    vectors: dict[str, Float32]
    as_of: int
    factors: Factors | None = None


def encode_shop(model: Model, as_of: int) -> ShopVectors:
    """Encode every node as it was known just before a moment (µs)."""
    encoder = NodeEncoder(model.retriever, model.inputs, model.graph.before(as_of))
    queries = encoder.encode_queries(np.arange(model.graph.num_nodes["query"], dtype=np.int32)).numpy()
    vectors = {
        "product": encoder.products.numpy(),
        "query": queries,
        "category": encoder.encode_categories().numpy(),
        "user": encoder.encode_users().numpy(),
    }
    factors = None if model.walk is None else model.inputs.walks(encoder.view, encoder.categories).factors
    return ShopVectors(vectors, as_of, factors)


def save_shop_vectors(model: Model, shop: ShopVectors) -> None:
    """Write the vectors into the model folder, whole or not at all."""
    with staged(model.layout.vectors, replace=True) as partial:
        partial.mkdir()
        for node_type, vectors in shop.vectors.items():
            np.save(partial / f"{node_type}.npy", vectors)
        if shop.factors is not None:
            np.save(partial / _USER_FACTORS, shop.factors.user)
            np.save(partial / _PRODUCT_FACTORS, shop.factors.product)
        info = VectorsManifest(as_of=shop.as_of, model_hash=model.manifest.hash, graph_hash=model.graph.manifest.hash)
        write_json(partial / "vectors.json", info.model_dump(mode="json"))


def open_shop_vectors(model: Model, as_of: int | None = None) -> ShopVectors:
    """Open the stored vectors memory-mapped, or encode the shop where none are stored for the moment.

    Args:
        model: The model.
        as_of: The moment, µs; by default the start of the test period.

    Raises:
        ArtefactError: The stored vectors are damaged or of another model.
    """
    moment = model.graph.manifest.test_start if as_of is None else as_of
    folder = model.layout.vectors
    if not folder.is_dir():
        return encode_shop(model, moment)
    stored = read_vectors_manifest(folder)
    if stored.model_hash != model.manifest.hash:
        raise ArtefactError(
            f"the vectors in {folder} were made by another model than {model.path}; remove the folder, and they are made anew"
        )
    if stored.as_of != moment:
        return encode_shop(model, moment)
    nodes, width = model.graph.num_nodes, model.manifest.dimension
    vectors = {kind: read_vectors(folder / f"{kind}.npy", (nodes[kind], width)) for kind in NODE_TYPES}
    return ShopVectors(vectors, moment, None if model.walk is None else _open_factors(folder, model))


def read_vectors_manifest(folder: Path) -> VectorsManifest:
    """Read what a model's folder of vectors says of them.

    Raises:
        ArtefactError: It is missing or damaged.
    """
    artefact = Artefact("vectors", f"remove {folder}, and it is made anew", "gnn-search embed")
    return artefact.read_manifest(folder / "vectors.json", VectorsManifest)


def _open_factors(folder: Path, model: Model) -> Factors:
    nodes, ranks = model.graph.num_nodes, model.config.walk.factors
    width = max(ranks, default=0)
    user, product = (
        read_vectors(folder / name, (nodes[kind], width)) for name, kind in ((_USER_FACTORS, "user"), (_PRODUCT_FACTORS, "product"))
    )
    return Factors(user, product, ranks)


def read_vectors(file: Path, expected: tuple[int, int]) -> Float32:
    """Open a file of vectors memory-mapped.

    Raises:
        ArtefactError: It is damaged, or not float32 of the shape expected.
    """
    # Torch takes no array that can't be written to. What is written into this one stays in memory, and the file as it is.
    return np.asarray(open_array(file, f"remove {file.parent}, and it is made anew", np.float32, expected, "c"))
