"""The tables that `serving.py` reads, and a user's events as it wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gnn_search.arrays import bisect_rows
from gnn_search.graph.store import Graph, to_datetime
from gnn_search.sampling.history import QueryCategories
from gnn_search.trained.model import Model
from gnn_search.vectors.onnx.manifest import OnnxLayout, PersonalTowerInfo
from gnn_search.vectors.onnx.serving import User

_BLOCK = 8192
"""Texts encoded at once."""


def write_serving_tables(folder: Path, model: Model, info: PersonalTowerInfo, as_of: int) -> None:
    """Write the arrays that the inputs of the personal tower are made with, and `serving.py`, which makes them.

    Args:
        folder: Exists.
        model: The model.
        info: What the personal tower needs.
        as_of: A query's categories come from what it led to before this time, µs.
    """
    layout = OnnxLayout(folder)
    if info.attention_length:
        categories = QueryCategories(model.graph.before(as_of), model.config.user.query_categories)
        np.save(layout.table("query_categories_indptr"), categories.indptr)
        np.save(layout.table("query_categories"), categories.category)
        np.save(layout.table("product_category"), np.asarray(model.graph.taxonomy.product_category, dtype=np.int32))
        np.save(layout.table("query_texts"), _query_texts(model))
    if info.brands:
        np.save(layout.table("product_brand"), model.features.brands.code[:, 0].astype(np.int32))
    layout.serving.write_bytes(Path(__file__).with_name("serving.py").read_bytes())


@torch.no_grad()
def _query_texts(model: Model) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    texts = np.empty((model.graph.num_nodes["query"], model.config.dimension), dtype=np.float32)
    for start in range(0, len(texts), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(texts)), dtype=np.int32)
        texts[rows] = model.towers.query_texts(rows).numpy()
    return texts


def user_of(graph: Graph, user: int, as_of: int) -> User:
    """Return a user's events before a time (µs) and attributes, as a server would pass them; nobody for -1."""
    time = np.datetime64(to_datetime(as_of).replace(tzinfo=None), "us")
    if user < 0:
        return User(time)
    events = [(*_entries(graph, ("product", f"rev_{action}", "user"), user, as_of), action) for action in graph.positive_actions]
    return User(
        time,
        time=np.concatenate([time for _, time, _ in events]).astype("datetime64[us]"),
        product=np.concatenate([product for product, _, _ in events]),
        action=[action for product, _, action in events for _ in product],
        attributes=graph.nodes("user").row(user, named=True),
    )


def _entries(graph: Graph, edge_type: tuple[str, str, str], row: int, as_of: int) -> tuple[np.ndarray, np.ndarray]:
    csr = graph.csr(edge_type)
    assert csr.time is not None
    start, end = csr.indptr[row : row + 1], csr.indptr[row + 1 : row + 2]
    inside = slice(int(start[0]), int(bisect_rows(csr.time, start, end, as_of)[0]))
    return np.asarray(csr.index[inside]), np.asarray(csr.time[inside])
