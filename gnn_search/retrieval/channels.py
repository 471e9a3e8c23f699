"""A model's ways of ranking."""

from __future__ import annotations

from typing import Literal, get_args, overload

from gnn_search.errors import RequestError
from gnn_search.index.boosting.boost import Boost
from gnn_search.index.flat import FlatIndex
from gnn_search.index.product_index import ProductIndex
from gnn_search.model.store import Model
from gnn_search.retrieval.fused_channel import FusedChannel, Part
from gnn_search.retrieval.fusion.reciprocal_rank import reciprocal_ranks
from gnn_search.retrieval.fusion.weighted_sum import WeightedSum, Weights
from gnn_search.retrieval.lexical_channel import LexicalChannel
from gnn_search.retrieval.model_index import is_changed
from gnn_search.retrieval.ranking import Ranker
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.retrieval.walk_channel import WalkChannel
from gnn_search.sampling.walk.index import WalkIndex
from gnn_search.vectors.shop_vectors import ShopVectors

ChannelKind = Literal["full", "vector", "walk", "lexical", "fused", "rrf"]
LearnedChannel = VectorChannel | WalkChannel
Channel = LearnedChannel | LexicalChannel | FusedChannel

NAME, FULL = "gnn-search", "full"


@overload
def open_channel(model: Model, shop: ShopVectors, kind: Literal["full", "vector", "walk"] = "full") -> LearnedChannel: ...


@overload
def open_channel(
    model: Model,
    shop: ShopVectors,
    kind: ChannelKind,
    weights: Weights | None = None,
    *,
    index: ProductIndex | None = None,
    boost: Boost | None = None,
    action: str | None = None,
) -> Channel: ...


def open_channel(
    model: Model,
    shop: ShopVectors,
    kind: ChannelKind = "full",
    weights: Weights | None = None,
    *,
    index: ProductIndex | None = None,
    boost: Boost | None = None,
    action: str | None = None,
) -> Channel:
    """Open one way of ranking: vectors and walks together, either or words alone, or all three fused.

    A model without a walk term ranks by its vectors, and its vectors and words are fused.

    Args:
        model: The model.
        shop: Its vectors as of the moment.
        kind: The way.
        weights: What each channel counts, for `fused`.
        index: The index of the products' vectors, where it was made before; by vectors alone of any kind, else a flat one.
        boost: What products are boosted by; by vectors alone.
        action: The kind of choice whose weights boost, see `VectorChannel`.

    Raises:
        RequestError: There is no such channel; the walk alone is wanted of a model without a walk term; `fused` without weights; weights, a
            boost, or an index that is approximate or was changed for a way that has no use for them.
    """
    if kind not in get_args(ChannelKind):
        raise RequestError(f"there is no channel {kind!r}; take one of {', '.join(get_args(ChannelKind))}")
    _check(model, kind, weights, index, boost)
    vectors = VectorChannel(model, shop, index=index, boost=boost, action=action)
    if kind == "lexical":
        return LexicalChannel(model, vectors)
    if kind == "vector" or (model.walk is None and kind == "full"):
        return vectors
    walks = None if model.walk is None else _walks(model, vectors, shop)
    if kind in ("fused", "rrf"):
        return fuse(model, vectors, walks, weights, name=kind)
    assert walks is not None
    return WalkChannel(model, vectors, walks, alone=kind == "walk")


def model_rankers(model: Model, shop: ShopVectors, weights: Weights | None = None) -> list[Ranker]:
    """Return all of a model's ways of ranking, the full one first: its parts alone, and the full one without the shopper.

    With the weights of a fusion also the words alone, and all channels by reciprocal ranks and by these weights.
    """
    vectors, plain = VectorChannel(model, shop, name=NAME), VectorChannel(model, shop, personal=False, name=f"{NAME}, no user")
    walks = None if model.walk is None else _walks(model, vectors, shop)
    rankers: list[Ranker] = [vectors, plain]
    if walks is not None:
        vectors.name = f"{NAME}, vectors"
        rankers = [
            WalkChannel(model, vectors, walks, name=NAME),
            vectors,
            WalkChannel(model, vectors, walks, alone=True, name=f"{NAME}, walk"),
            WalkChannel(model, plain, walks, name=plain.name),
        ]
    if weights is None:
        return rankers
    return [
        *rankers,
        LexicalChannel(model, vectors, name=f"{NAME}, lexical"),
        fuse(model, vectors, walks, None, name=f"{NAME}, rrf"),
        fuse(model, vectors, walks, weights, name=f"{NAME}, fused"),
    ]


def fuse(model: Model, vectors: VectorChannel, walks: WalkIndex | None, weights: Weights | None, *, name: str) -> FusedChannel:
    """Fuse a model's channels: by weights the full one and its three parts, else the parts alone by reciprocal ranks."""
    parts = channel_parts(model, vectors, walks)
    if weights is not None:
        weighed = {part: channel for part, channel in parts.items() if part in weights.channels}
        return FusedChannel(vectors, weighed, WeightedSum(weights), name=name)
    return FusedChannel(vectors, {part: channel for part, channel in parts.items() if part != FULL}, reciprocal_ranks, name=name)


def channel_parts(model: Model, vectors: VectorChannel, walks: WalkIndex | None) -> dict[str, Part]:
    """Return the channels that can be fused, by name."""
    parts: dict[str, Part] = {}
    if walks is not None:
        parts = {FULL: WalkChannel(model, vectors, walks), "walk": WalkChannel(model, vectors, walks, alone=True)}
    return {**parts, "vector": vectors, "lexical": LexicalChannel(model, vectors)}


def _check(model: Model, kind: ChannelKind, weights: Weights | None, index: ProductIndex | None, boost: Boost | None) -> None:
    if model.walk is None and kind == "walk":
        raise RequestError(f"the model {model.path} has no walk term; train it with reranker.enabled, or use another channel")
    if kind == "fused" and weights is None:
        raise RequestError("the channel fused needs fitted weights; give their folder with --fusion, see 'gnn-search fuse', or take rrf")
    if kind != "fused" and weights is not None:
        raise RequestError(f"weights of a fusion are of no use to the channel {kind}; take the channel fused, or leave --fusion out")
    if kind != "vector" and boost is not None:
        raise RequestError(f"a boost is of no use to the channel {kind}, as it boosts vectors; take the channel vector, or leave it out")
    if kind != "vector" and not (index is None or isinstance(index, FlatIndex)):
        raise RequestError(
            f"the channel {kind} needs the exact index, an approximate one can't tell what a product left out may score; take the channel "
            "vector, or a flat index"
        )
    if kind != "vector" and index is not None and is_changed(index, model):
        raise RequestError(
            f"products were added to the index or removed from it, of which the channel {kind} does not know; take the channel vector, or "
            "an index as 'gnn-search index' makes it"
        )


def _walks(model: Model, vectors: VectorChannel, shop: ShopVectors) -> WalkIndex:
    encoder = vectors.encoder
    return model.inputs.walks(encoder.view, encoder.categories, shop.factors)
