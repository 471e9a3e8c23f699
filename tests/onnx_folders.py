"""Models of any configuration with their ONNX towers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from towers import random_towers

from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.trained.model import Model, open_model, save_model
from gnn_search.trained.node_embeddings import encode_nodes
from gnn_search.vectors.onnx.manifest import OnnxManifest
from gnn_search.vectors.onnx.write import write_onnx_towers


def needs_onnx() -> None:
    """Skip a test module where the extra is not installed."""
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="needs the extra onnx: pip install 'gnn-search[onnx]'")


def random_model(graph: Graph, config: TrainingConfig, folder: Path) -> Model:
    """Return a model without reranker in which no weight is zero."""
    save_model(folder, graph, config, random_towers(graph, config), None, {"steps": 0}, {})
    return open_model(folder)


@dataclass(frozen=True)
class Written:
    """A model, its ONNX towers and the encoder that they are to equal."""

    folder: Path
    model: Model
    encoder: NodeEncoder
    manifest: OnnxManifest


def write_towers(graph: Graph, config: TrainingConfig, folder: Path, moment: int | None = None) -> Written:
    """Write the towers of a random model as of a moment, by default the start of the test period."""
    model = random_model(graph, config, folder / "model")
    as_of = graph.manifest.test_start if moment is None else moment
    manifest = write_onnx_towers(folder / "onnx", model, encode_nodes(model, as_of))
    return Written(folder / "onnx", model, NodeEncoder(model.towers, model.inputs, graph.before(as_of)), manifest)
