"""Write the folder of ONNX towers, and check it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import torch

from gnn_search.graph.store import to_datetime
from gnn_search.layout import FORMAT_VERSION, write_json
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings
from gnn_search.vectors.onnx.check import check_towers
from gnn_search.vectors.onnx.manifest import OnnxLayout, OnnxManifest
from gnn_search.vectors.onnx.network import IR_VERSION, OPSET
from gnn_search.vectors.onnx.personal_tower import write_onnx_personal_tower
from gnn_search.vectors.onnx.tables import write_serving_tables
from gnn_search.vectors.onnx.text_tower import write_onnx_text_tower


def write_onnx_towers(folder: Path, model: Model, shop: NodeEmbeddings) -> OnnxManifest:
    """Write what a server needs to encode requests without torch and the graph, beside the vectors of known products and queries.

    The towers are run by ONNX Runtime and compared with the package before the manifest is written.

    Args:
        folder: Made here.
        model: The model.
        shop: Its vectors.

    Raises:
        ConfigError: The text tower is a transformer, or a network would be too large for the format.
        ArtefactError: The towers differ from the package's.
        MissingExtraError: The package onnx or onnxruntime is not installed.
    """
    folder.mkdir()
    text, personal = write_onnx_text_tower(folder, model), write_onnx_personal_tower(folder, model)
    if personal is not None:
        write_serving_tables(folder, model, personal, shop.as_of)
    products = torch.from_numpy(shop.vectors["product"])
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), products)
    manifest = OnnxManifest(
        format_version=FORMAT_VERSION,
        model_hash=model.manifest.hash,
        graph_hash=model.graph.manifest.hash,
        as_of=to_datetime(shop.as_of),
        dimension=model.config.dimension,
        opset=OPSET,
        ir_version=IR_VERSION,
        onnx=version("onnx"),
        text_tower=text,
        personal_tower=personal,
        check=check_towers(folder, model, encoder, text, personal),
    )
    write_json(OnnxLayout(folder).manifest, manifest.model_dump(mode="json"))
    return manifest
