"""How products are ranked, and the folders that this needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gnn_search.errors import ArtefactError, RequestError
from gnn_search.graph.store import to_datetime
from gnn_search.index.base import ProductIndex
from gnn_search.index.boosting.boost import Boost, open_boost
from gnn_search.index.filters import Filtered, filter_products
from gnn_search.index.flat import FlatIndex
from gnn_search.index.product_file import read_product_file
from gnn_search.index.store import IndexManifest, open_index, read_index_manifest
from gnn_search.layout import hash_files
from gnn_search.retrieval.fusion.rules import Weights
from gnn_search.retrieval.fusion.store import open_fusion
from gnn_search.trained.model import Model

Channel = Literal["reranked", "vector", "graph", "lexical", "fused", "rrf"]


@dataclass(frozen=True, eq=False)
class RankingOptions:
    """What a `Retriever` ranks by.

    Attributes:
        channel: `reranked` (vectors and the graph's candidates together), `vector`, `graph` (candidates alone), `lexical` (words alone), or
            these fused, by fitted weights (`fused`) or by reciprocal ranks (`rrf`).
        weights: Of a fusion.
        index: Of the products' vectors, boosted where there is a boost; None for an exact one, made when it is needed.
        boost: What products are boosted by, as known at the time.
        action: Whose weights boost; may be left out where the shop logs one kind of action.
        allowed: The only products that may be found; None for all.
        provenance: What decides the lists, by a name that messages use.
    """

    channel: Channel = "reranked"
    weights: Weights | None = None
    index: ProductIndex | None = None
    boost: Boost | None = None
    action: str | None = None
    allowed: Filtered | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def check(self, model: Model) -> None:
        """Refuse options that a model can't serve, or that don't go together.

        Raises:
            RequestError: They don't.
        """
        channel, index = self.channel, self.index
        if channel not in get_args(Channel):
            raise RequestError(f"there is no channel {channel!r}; take one of {', '.join(get_args(Channel))}")
        if model.reranker is None and channel == "graph":
            raise RequestError(f"the model {model.path} has no reranker; train it with reranker.enabled, or use another channel")
        if channel == "fused" and self.weights is None:
            raise RequestError(
                "the channel fused needs fitted weights; give their folder with --fusion, see 'gnn-search fuse', or take rrf"
            )
        if channel != "fused" and self.weights is not None:
            raise RequestError(f"weights of a fusion are of no use to the channel {channel}; take the channel fused, or leave --fusion out")
        if channel == "vector":
            return
        if self.boost is not None:
            raise RequestError(
                f"a boost is of no use to the channel {channel}, as it boosts vectors; take the channel vector, or leave it out"
            )
        if not (index is None or isinstance(index, FlatIndex)):
            raise RequestError(
                f"the channel {channel} needs the exact index, an approximate one can't tell what a product left out may score; take the "
                "channel vector, or a flat index"
            )
        if index is not None and is_changed(index, model):
            raise RequestError(
                f"products were added to the index or removed from it, of which the channel {channel} does not know; take the channel "
                "vector, or an index as 'gnn-search index' makes it"
            )


def open_ranking_options(
    model: Model,
    channel: Channel = "reranked",
    as_of: int | None = None,
    *,
    fusion: Path | None = None,
    index: Path | None = None,
    boost: Path | None = None,
    action: str | None = None,
    categories: Sequence[str] = (),
    products: Path | None = None,
    flag: str | None = None,
) -> RankingOptions:
    """Open the folders that ranking needs, and find the products that it may show.

    Args:
        model: The model.
        channel: See `RankingOptions`.
        as_of: Everything before it is known, µs; by default the start of the test period.
        fusion: Folder of a fusion's weights.
        index: Folder of an index; with a boost, of one that was made with it.
        boost: Folder of a boost.
        action: Whose weights boost.
        categories: Only products of these categories, by path or id, and of all below.
        products: Only products whose ids stand in this file, see `read_product_file`.
        flag: Only products where this column is true.

    Raises:
        ArtefactError: A folder is not what it is said to be, is damaged, or is of another model.
        RequestError: An action is given without a boost; there is no such category or column.
        TableError: The file of products can't be used.
    """
    if action is not None and boost is None:
        raise RequestError(f"the action {action!r} says which weights boost, but no boost is given; give one, or leave the action out")
    time = model.graph.manifest.test_start if as_of is None else as_of
    boosted = None if boost is None else open_boost(boost, model).at(model.graph.before(time))
    weights = None if fusion is None else open_fusion(fusion, model)
    stored = None if index is None else read_index_manifest(index)
    allowed = None
    if categories or products is not None or flag is not None:
        named = None if products is None else read_product_file(products, [], model.graph).distinct
        allowed = filter_products(model.graph, categories=categories or None, named=named, flag=flag)
    return RankingOptions(
        channel,
        weights,
        None if index is None else open_model_index(index, model, time, boosted),
        boosted,
        action,
        allowed,
        {
            "channel": channel,
            "list of categories": list(categories),
            "file of products": None if products is None else hash_files([products]),
            "column of products": flag,
            "fusion": None if weights is None else weights.model_dump(mode="json"),
            # Tells an index from others, even from one that is only searched in another way.
            "index": None if stored is None else f"{stored.hash} {stored.settings.model_dump_json()}",
            "boost": None if boost is None else hash_files([boost / "boost.json"]),
            "action": action,
        },
    )


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
