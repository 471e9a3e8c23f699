"""Vectors beside the shop's own ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.graph.store import Graph
from gnn_search.vectors.shop_vectors import Float32

VECTOR = "vector"


def write_vector_table(path: Path, graph: Graph, node_type: str, vectors: Float32) -> None:
    """Write `user_id`, `query`, `product_id` or `category_id`, and `vector`, a list of fixed size, as parquet.

    Shapes:
        vectors: float32 [nodes, d], row i = node i.
    """
    path.parent.mkdir(exist_ok=True)
    ids = graph.nodes(node_type).to_series(0)
    width = vectors.shape[1]
    flat = pl.Series(VECTOR, np.ascontiguousarray(vectors).reshape(-1), dtype=pl.Float32)
    pl.DataFrame([ids, flat.reshape((len(ids), width))]).write_parquet(path)
