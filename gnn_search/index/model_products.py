"""The vectors that an index of a model's products is built from, and the queries that it is measured with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from gnn_search.arrays import Float32, mapped_array, sorted_unique
from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import to_datetime
from gnn_search.index.boosting.boost import Boost, boosted_products, boosted_queries
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings

_BLOCK = 1 << 16
"""Products boosted at a time."""


@dataclass(frozen=True, eq=False)
class ModelProducts:
    """A model's products as an index takes them.

    Attributes:
        vectors: Row i is product i's, with its qualities where they are boosted.
        ids: The shop's id of each row.
        queries: Requests of the validation period, in the same space.
        origin: What the index's manifest says of the vectors.

    Shapes:
        - vectors: float32 [products, d]
        - queries: float32 [m, d]
    """

    vectors: Float32
    ids: pl.Series
    queries: Float32
    origin: dict[str, Any]


def products_to_index(
    model: Model,
    shop: NodeEmbeddings,
    limit: int,
    seed: int = 0,
    boost: Boost | None = None,
    scratch: Path | None = None,
    block: int = _BLOCK,
) -> ModelProducts:
    """Return a model's products as they are to be indexed.

    Args:
        model: The model.
        shop: Its node embeddings, as of any time.
        limit: Most cases of the validation period that become queries, see `held_out_queries`.
        seed: Of the sample.
        boost: What products are boosted by. Weights are no part of the products, only of the queries, which take those of each action in
            turn.
        scratch: Folder in which boosted vectors lie, so that memory need not hold them; None keeps them there.
        block: Products boosted at a time.

    Raises:
        RequestError: The validation period holds no case, or `limit` is below 1.
    """
    vectors, queries = shop.vectors["product"], held_out_queries(model, shop, limit, seed)
    origin: dict[str, Any] = {
        "model_hash": model.manifest.hash,
        "graph_hash": model.graph.manifest.hash,
        "as_of": to_datetime(shop.as_of).isoformat(),
    }
    if boost is not None:
        known = boost.at(model.graph.before(shop.as_of))
        vectors, queries = _boost_in_blocks(vectors, known, scratch, block), _boost_in_turn(queries, known)
        origin["quality_hash"] = known.quality_hash
    return ModelProducts(vectors, model.graph.nodes("product").to_series(0), queries, origin)


def held_out_queries(model: Model, shop: NodeEmbeddings, limit: int, seed: int = 0) -> Float32:
    """Encode queries of the validation period, which play no part in making an index: personal ones, then each distinct query alone.

    Shapes:
        - returns: float32 [at most 2 limit, d], without zero vectors

    Raises:
        RequestError: The validation period holds no case, or `limit` is below 1.
    """
    cases = build_cases(model.graph, "validation", limit, seed)
    products = torch.from_numpy(shop.vectors["product"])
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), products)
    personal = encoder.encode_requests(cases.user, cases.query).numpy()
    queries = np.concatenate([personal, shop.vectors["query"][sorted_unique(cases.query)]])
    return queries[queries.any(axis=1)]


def _boost_in_blocks(vectors: Float32, boost: Boost, scratch: Path | None, block: int) -> Float32:
    if scratch is None:
        return boosted_products(vectors, boost)
    values: Float32 = mapped_array(scratch / "boosted.npy", np.float32, (len(vectors), vectors.shape[1] + len(boost.dimensions)))
    for start in range(0, len(vectors), block):
        rows = slice(start, start + block)
        values[rows] = boosted_products(vectors[rows], replace(boost, quality=boost.quality[rows]))
    return values


def _boost_in_turn(queries: Float32, boost: Boost) -> Float32:
    """Return queries of which each takes the weights of the next action."""
    actions = list(boost.weights)
    boosted = np.empty((len(queries), queries.shape[1] + len(boost.dimensions)), dtype=np.float32)
    for place, action in enumerate(actions):
        boosted[place :: len(actions)] = boosted_queries(queries[place :: len(actions)], boost, action)
    return boosted
