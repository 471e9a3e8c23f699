"""A way of ranking, and the folders that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnn_search.errors import RequestError
from gnn_search.index.base import ProductIndex
from gnn_search.index.boosting.boost import Boost, open_boost
from gnn_search.index.filters import Filtered, filter_products
from gnn_search.index.product_file import read_product_file
from gnn_search.index.store import IndexManifest, read_index_manifest
from gnn_search.layout import hash_files
from gnn_search.model.store import Model
from gnn_search.retrieval.channels import ChannelKind
from gnn_search.retrieval.fusion.store import open_fusion
from gnn_search.retrieval.fusion.weighted_sum import Weights
from gnn_search.retrieval.model_index import open_model_index


@dataclass(frozen=True, eq=False)
class Way:
    """What `open_channel` takes.

    Attributes:
        kind: The channel.
        weights: Of a fusion.
        index: Of the products' vectors, boosted where there is a boost; None for an exact one, made when it is needed.
        boost: What products are boosted by, as known at the moment.
        action: The kind of choice whose weights boost.
        allowed: The only products that may be found; None for all.
        told: What decides the lists, by a name that messages use.
    """

    kind: ChannelKind = "full"
    weights: Weights | None = None
    index: ProductIndex | None = None
    boost: Boost | None = None
    action: str | None = None
    allowed: Filtered | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


def open_way(
    model: Model,
    kind: ChannelKind = "full",
    as_of: int | None = None,
    *,
    fusion: Path | None = None,
    index: Path | None = None,
    boost: Path | None = None,
    action: str | None = None,
    categories: Sequence[str] = (),
    products: Path | None = None,
    flag: str | None = None,
) -> Way:
    """Open the folders of a way of ranking, and find the products that it may show.

    Args:
        model: The model.
        kind: The channel.
        as_of: The moment before which everything is known, µs; by default the start of the test period.
        fusion: Folder of a fusion's weights.
        index: Folder of an index; with a boost, of one that was made with it.
        boost: Folder of a boost.
        action: The kind of choice whose weights boost.
        categories: Show products of these categories alone, by path or id, and of all below.
        products: Show those alone whose ids stand in this file, see `read_product_file`.
        flag: Show those alone of which this column says true.

    Raises:
        ArtefactError: A folder is not what it is said to be, is damaged, or is of another model.
        RequestError: An action is given without a boost; there is no such category or column.
        TableError: The file of products can't be used.
    """
    if action is not None and boost is None:
        raise RequestError(f"the action {action!r} says which weights boost, but no boost is given; give one, or leave the action out")
    moment = model.graph.manifest.test_start if as_of is None else as_of
    boosted = None if boost is None else open_boost(boost, model).at(model.graph.before(moment))
    weights = None if fusion is None else open_fusion(fusion, model)
    return Way(
        kind,
        weights,
        None if index is None else open_model_index(index, model, moment, boosted),
        boosted,
        action,
        _filtered(model, categories, products, flag),
        {
            "channel": kind,
            "list of categories": list(categories),
            "file of products": None if products is None else hash_files([products]),
            "column of products": flag,
            "fusion": None if weights is None else weights.model_dump(mode="json"),
            "index": None if index is None else _told(read_index_manifest(index)),
            "boost": None if boost is None else hash_files([boost / "boost.json"]),
            "action": action,
        },
    )


def _filtered(model: Model, categories: Sequence[str], products: Path | None, flag: str | None) -> Filtered | None:
    if not categories and products is None and flag is None:
        return None
    named = None if products is None else read_product_file(products, [], model.graph).distinct
    return filter_products(model.graph, categories=categories or None, named=named, flag=flag)


def _told(manifest: IndexManifest) -> str:
    """Tell an index from others, be it by how it is searched alone."""
    return f"{manifest.hash} {manifest.settings.model_dump_json()}"
