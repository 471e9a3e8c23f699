"""PyTorch Geometric's `HeteroData`, from a view of a graph and back."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl
import torch
from torch_geometric.data import HeteroData

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Csr
from gnn_search.graph.store import EdgeType, GraphView


def to_hetero_data(view: GraphView, edge_types: Collection[EdgeType] | None = None) -> HeteroData:
    """Turn what a view shows into one `HeteroData`.

    Every node type has `num_nodes` and `node_id`, a polars Series of the shop's own ids, which PyG's loaders pass on whole: the ids of a
    batch are `node_id[n_id.numpy()]`. Every relation has `edge_index`, `edge_weight` and, unless it is timeless, `edge_time` (µs); its
    edges stand in the order of their destinations, and by time for one destination.

    Args:
        view: The graph as of some time.
        edge_types: Relations to take; all by default.

    Shapes:
        - edge_index: int64 [2, edges], source above destination
        - edge_weight: float32 [edges]
        - edge_time: int64 [edges]

    Raises:
        RequestError: The graph lacks one of the relations.
    """
    data = HeteroData()
    for node_type, count in view.graph.num_nodes.items():
        data[node_type].num_nodes = count
        # Not a list or an array: PyG's loaders would try to make tensors of text.
        data[node_type].node_id = view.graph.nodes(node_type).to_series(0)
    for edge_type in view.graph.edge_types if edge_types is None else edge_types:
        target, source, time, weight = view.edges(edge_type).flatten()
        data[edge_type].edge_index = torch.from_numpy(np.stack([source, target]).astype(np.int64))
        # Copies, as torch wants writable arrays and stored ones are read-only.
        data[edge_type].edge_weight = torch.from_numpy(np.array(weight))
        if time is not None:
            data[edge_type].edge_time = torch.from_numpy(np.array(time))
    return data


def from_hetero_data(data: HeteroData) -> tuple[dict[str, pl.DataFrame], dict[EdgeType, Csr]]:
    """Turn a `HeteroData` into node tables and relations, the other way round from `to_hetero_data`.

    Args:
        data: With `edge_index` on every relation; `edge_time` (µs) and `edge_weight` are taken where they stand, the weight is 1 otherwise.
            `node_id`, a Series, a tensor or a list, gives the nodes' ids, their numbers otherwise.

    Returns:
        For each node type the table `node_id`, row i = node i; for each relation its rows by destination, sorted by time.

    Raises:
        RequestError: A node type has no number of nodes or another number of ids, or an edge leads to a node that there is not.
    """
    nodes = {node_type: _node_table(data, node_type) for node_type in data.node_types}
    return nodes, {edge_type: _rows(data, edge_type, nodes) for edge_type in data.edge_types}


def _node_table(data: HeteroData, node_type: str) -> pl.DataFrame:
    store = data[node_type]
    ids = store.get("node_id")
    count = store.get("num_nodes", len(ids) if ids is not None else store.num_nodes)
    if count is None:
        raise RequestError(f"node type {node_type!r} of the HeteroData has neither num_nodes nor node_id nor features; set num_nodes")
    if ids is None:
        ids = range(count)
    if len(ids) != count:
        raise RequestError(f"node type {node_type!r} of the HeteroData has {count} nodes and {len(ids)} in node_id; give one id a node")
    return pl.DataFrame({"node_id": ids.numpy() if isinstance(ids, torch.Tensor) else pl.Series(ids)})


def _rows(data: HeteroData, edge_type: EdgeType, nodes: dict[str, pl.DataFrame]) -> Csr:
    store = data[edge_type]
    source, target = store.edge_index.numpy()
    for name, column in ((edge_type[0], source), (edge_type[2], target)):
        if len(column) and not 0 <= column.min() <= column.max() < nodes[name].height:
            raise RequestError(
                f"relation {edge_type} of the HeteroData names {name} nodes from {column.min()} to {column.max()}, but there are "
                f"{nodes[name].height}; correct edge_index or num_nodes"
            )
    time = store.edge_time.numpy() if "edge_time" in store else None
    weight = store.edge_weight.numpy().astype(np.float32) if "edge_weight" in store else np.ones(len(source), np.float32)
    order = np.arange(len(source)) if time is None else np.argsort(time, kind="stable")
    return Csr.from_edges(
        target[order].astype(np.int32),
        source[order].astype(np.int32),
        None if time is None else time[order].astype(np.int64),
        weight[order],
        nodes[edge_type[2]].height,
    )
