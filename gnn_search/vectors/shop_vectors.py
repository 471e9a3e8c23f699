"""The vectors of every node as of one moment, kept in the model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn_search.errors import ArtefactError
from gnn_search.layout import read_json, staged, write_json
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.store import Model
from gnn_search.sampling.walk.factors import Factors

Float32 = npt.NDArray[np.float32]
NODE_TYPES = ("product", "query", "category", "user")
"""Whose vectors are kept."""

_USER_FACTORS, _PRODUCT_FACTORS = "walk_user.npy", "walk_product.npy"


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
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(as_of))
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
        write_json(
            partial / "vectors.json", {"as_of": shop.as_of, "model_hash": model.manifest.hash, "graph_hash": model.graph.manifest.hash}
        )


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
    stored = read_json(folder / "vectors.json", "a folder of vectors")
    if stored.get("model_hash") != model.manifest.hash:
        raise ArtefactError(
            f"the vectors in {folder} were made by another model than {model.path}; remove the folder, and they are made anew"
        )
    if stored.get("as_of") != moment:
        return encode_shop(model, moment)
    nodes, width = model.graph.num_nodes, model.manifest.dimension
    vectors = {kind: read_vectors(folder / f"{kind}.npy", (nodes[kind], width)) for kind in NODE_TYPES}
    return ShopVectors(vectors, moment, None if model.walk is None else _open_factors(folder, model))


def _open_factors(folder: Path, model: Model) -> Factors:
    nodes, ranks = model.graph.num_nodes, model.config.reranker.factors
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
    try:
        # Torch takes no array that can't be written to. What is written into this one stays in memory, and the file as it is.
        vectors = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{file} is damaged ({error}); remove {file.parent}, and it is made anew") from None
    if vectors.shape != expected or vectors.dtype != np.float32:
        raise ArtefactError(
            f"{file} is damaged: expected float32 {expected}, got {vectors.dtype} {vectors.shape}; "
            f"remove {file.parent}, and it is made anew"
        )
    return np.asarray(vectors)
