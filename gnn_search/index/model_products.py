"""What an index of a model's products is made of and measured with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnn_search.graph.csr import Float32
from gnn_search.graph.store import to_datetime
from gnn_search.index.boosting.boost import Boost
from gnn_search.index.boosting.vectors import boosted_products, boosted_queries
from gnn_search.index.held_out import held_out_queries
from gnn_search.mapped import mapped_array
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
        vectors: float32 [products, d]; queries: float32 [m, d].
    """

    vectors: Float32
    ids: pl.Series
    queries: Float32
    origin: dict[str, Any]


def products_to_index(
    model: Model, shop: NodeEmbeddings, limit: int, seed: int = 0, boost: Boost | None = None, scratch: Path | None = None
) -> ModelProducts:
    """Return a model's products as they are to be indexed.

    Args:
        model: The model.
        shop: Its vectors as of the moment that counts.
        limit: Most cases of the validation period that become queries, see `held_out_queries`.
        seed: Of the sample.
        boost: What products are boosted by. Weights are no part of the products, only of the queries, which take those of each kind of
            choice in turn.
        scratch: Folder in which boosted vectors lie, so that memory need not hold them; None keeps them there.

    Raises:
        RequestError: The validation period holds no choice, or `limit` is below 1.
    """
    vectors, queries = shop.vectors["product"], held_out_queries(model, shop, limit, seed)
    origin: dict[str, Any] = {
        "model_hash": model.manifest.hash,
        "graph_hash": model.graph.manifest.hash,
        "as_of": to_datetime(shop.as_of).isoformat(),
    }
    if boost is not None:
        known = boost.at(model.graph.before(shop.as_of))
        vectors, queries = _boost_in_blocks(vectors, known, scratch), _boost_in_turn(queries, known)
        origin["quality_hash"] = known.quality_hash
    return ModelProducts(vectors, model.graph.nodes("product").to_series(0), queries, origin)


def _boost_in_blocks(vectors: Float32, boost: Boost, scratch: Path | None) -> Float32:
    if scratch is None:
        return boosted_products(vectors, boost)
    values: Float32 = mapped_array(scratch / "boosted.npy", np.float32, (len(vectors), vectors.shape[1] + len(boost.dimensions)))
    for start in range(0, len(vectors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        values[rows] = boosted_products(vectors[rows], replace(boost, quality=boost.quality[rows]))
    return values


def _boost_in_turn(queries: Float32, boost: Boost) -> Float32:
    """Return queries of which each takes the weights of the next kind of choice."""
    actions = list(boost.weights)
    boosted = np.empty((len(queries), queries.shape[1] + len(boost.dimensions)), dtype=np.float32)
    for place, action in enumerate(actions):
        boosted[place :: len(actions)] = boosted_queries(queries[place :: len(actions)], boost, action)
    return boosted
