"""A model's ways of ranking."""

from __future__ import annotations

from typing import Literal

from gnn_search.errors import RequestError
from gnn_search.index.flat import FlatIndex
from gnn_search.model.store import Model
from gnn_search.retrieval.ranking import Ranker
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.retrieval.walk_channel import WalkChannel
from gnn_search.sampling.walk.index import WalkIndex
from gnn_search.vectors.shop_vectors import ShopVectors

ChannelKind = Literal["full", "vector", "walk"]
Channel = VectorChannel | WalkChannel

NAME = "gnn-search"


def open_channel(model: Model, shop: ShopVectors, kind: ChannelKind = "full", index: FlatIndex | None = None) -> Channel:
    """Open one way of ranking: vectors and walks together, or either alone.

    A model without a walk term ranks by its vectors.

    Args:
        model: The model.
        shop: Its vectors as of the moment.
        kind: The way.
        index: The index of the products' vectors, where it was made before.

    Raises:
        RequestError: The walk alone is wanted of a model without a walk term.
    """
    vectors = VectorChannel(model, shop, index=index)
    if model.walk is None and kind == "walk":
        raise RequestError(f"the model {model.path} has no walk term; train it with walk.enabled, or use another channel")
    if model.walk is None or kind == "vector":
        return vectors
    return WalkChannel(model, vectors, _walks(model, vectors, shop), alone=kind == "walk")


def model_rankers(model: Model, shop: ShopVectors) -> list[Ranker]:
    """Return all of a model's ways of ranking, the full one first: its parts alone, and the full one without the shopper."""
    vectors, plain = VectorChannel(model, shop, name=NAME), VectorChannel(model, shop, personal=False, name=f"{NAME}, no user")
    if model.walk is None:
        return [vectors, plain]
    vectors.name = f"{NAME}, vectors"
    walks = _walks(model, vectors, shop)
    return [
        WalkChannel(model, vectors, walks, name=NAME),
        vectors,
        WalkChannel(model, vectors, walks, alone=True, name=f"{NAME}, walk"),
        WalkChannel(model, plain, walks, name=plain.name),
    ]


def _walks(model: Model, vectors: VectorChannel, shop: ShopVectors) -> WalkIndex:
    encoder = vectors.encoder
    return model.inputs.walks(encoder.view, encoder.categories, shop.factors)
