"""Faults put into stored graphs and models, with the hashes made right again, as a faulty writer would leave them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file

from gnn_search.graph.csr import Csr
from gnn_search.graph.store import EdgeType, Graph, GraphManifest, RelationInfo, graph_hash
from gnn_search.layout import GraphLayout, ModelLayout, hash_files, read_json, write_json


def seal_graph(path: Path, **changes: Any) -> None:
    """Write the manifest anew for the files that there are."""
    layout = GraphLayout(path)
    files = {
        file.relative_to(path).as_posix(): file.stat().st_size
        for file in sorted(path.rglob("*"))
        if file.is_file() and file != layout.manifest
    }
    content = {**read_json(layout.manifest, "a graph"), **changes, "files": files}
    manifest = GraphManifest.model_validate(content)
    write_json(layout.manifest, {**content, "hash": graph_hash(manifest, path)})
    Graph.open(path).verify()


def change_examples(path: Path, split: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    file = GraphLayout(path).examples(split)
    change(pl.read_parquet(file)).write_parquet(file)
    seal_graph(path)


def read_edges(path: Path, edge_type: EdgeType) -> dict[str, np.ndarray]:
    """Return the edges by column, in the order in which they are stored."""
    csr = Graph.open(path).csr(edge_type)
    row = np.repeat(np.arange(csr.num_rows), np.diff(csr.indptr))
    columns = {"row": row, "index": csr.index, "weight": csr.weight, **({} if csr.time is None else {"time": csr.time})}
    return {name: np.array(column) for name, column in columns.items()}


def write_edges(path: Path, edge_type: EdgeType, edges: dict[str, np.ndarray], *, snapshots: tuple[int, ...] = ()) -> None:
    """Store edges sorted by row and time, as a relation that may be a new one; without a time it has none."""
    time = edges.get("time")
    order = np.arange(len(edges["row"])) if time is None else np.argsort(time, kind="stable")
    rows = Graph.open(path).num_nodes[edge_type[2]]
    row, index = (edges[name][order].astype(np.int32) for name in ("row", "index"))
    folder = GraphLayout(path).edges(*edge_type)
    for file in folder.glob("*"):
        file.unlink()
    if folder.is_dir():
        folder.rmdir()
    Csr.from_edges(row, index, None if time is None else time[order], edges["weight"][order].astype(np.float32), rows).save(folder)
    source, name, target = edge_type
    info = RelationInfo(source=source, relation=name, target=target, edges=len(row), timed=time is not None, snapshots=snapshots)
    relations = read_json(GraphLayout(path).manifest, "a graph")["relations"]
    others = [one for one in relations if (one["source"], one["relation"], one["target"]) != edge_type]
    seal_graph(path, relations=[*others, info.model_dump(mode="json")])


def seal_model(path: Path, **changes: Any) -> None:
    """Write the model's manifest anew for the files that there are, and let the vectors belong to it."""
    layout = ModelLayout(path)
    content = read_json(layout.manifest, "a model")
    files = [path / name for name in sorted(content["files"])]
    content = {**content, "files": {file.name: file.stat().st_size for file in files}, "hash": hash_files(files), **changes}
    write_json(layout.manifest, content)
    info = layout.node_embeddings / "vectors.json"
    write_json(info, {**read_json(info, "vectors"), "model_hash": content["hash"]})


def change_weights(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    layout = ModelLayout(path)
    weights = load_file(layout.weights)
    save_file({**weights, name: change(weights[name].copy())}, layout.weights)
    seal_model(path)


def change_vectors(path: Path, node_type: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    file = ModelLayout(path).node_embeddings / f"{node_type}.npy"
    np.save(file, change(np.load(file)))
