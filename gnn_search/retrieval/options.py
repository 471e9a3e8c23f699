"""How products are ranked, and the folders that this needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gnn_search.errors import RequestError
from gnn_search.index.base import ProductIndex
from gnn_search.index.boosting.boost import Boost, open_boost
from gnn_search.index.filters import Filtered, filter_products
from gnn_search.index.flat import FlatIndex
from gnn_search.index.product_file import read_product_file
from gnn_search.index.store import IndexManifest, read_index_manifest
from gnn_search.layout import hash_files
from gnn_search.retrieval.fusion.store import open_fusion
from gnn_search.retrieval.fusion.weighted_sum import Weights
from gnn_search.retrieval.model_index import is_changed, open_model_index
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
    return RankingOptions(
        channel,
        weights,
        None if index is None else open_model_index(index, model, time, boosted),
        boosted,
        action,
        _filtered(model, categories, products, flag),
        {
            "channel": channel,
            "list of categories": list(categories),
            "file of products": None if products is None else hash_files([products]),
            "column of products": flag,
            "fusion": None if weights is None else weights.model_dump(mode="json"),
            "index": None if index is None else _fingerprint(read_index_manifest(index)),
            "boost": None if boost is None else hash_files([boost / "boost.json"]),
            "action": action,
        },
    )


def _filtered(model: Model, categories: Sequence[str], products: Path | None, flag: str | None) -> Filtered | None:
    if not categories and products is None and flag is None:
        return None
    named = None if products is None else read_product_file(products, [], model.graph).distinct
    return filter_products(model.graph, categories=categories or None, named=named, flag=flag)


def _fingerprint(manifest: IndexManifest) -> str:
    """Tell an index from others, even from one that is only searched in another way."""
    return f"{manifest.hash} {manifest.settings.model_dump_json()}"
