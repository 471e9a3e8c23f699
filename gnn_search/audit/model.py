"""Read a model folder for the checks, file by file, without building the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from gnn_search.arrays import Float32
from gnn_search.audit.shop import AuditedShop
from gnn_search.config.files import read_yaml
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ArtefactError
from gnn_search.layout import ModelLayout
from gnn_search.trained.model import ModelManifest, read_manifest
from gnn_search.trained.node_embeddings import NODE_TYPES, read_vectors


@dataclass(frozen=True)
class AuditedModel:
    """The data of a model that checks read."""

    shop: AuditedShop
    layout: ModelLayout
    manifest: ModelManifest
    config: TrainingConfig

    @classmethod
    def open(cls, shop: AuditedShop, path: Path) -> AuditedModel:
        """Open a model folder.

        Raises:
            ArtefactError: The folder is no model, or is damaged or half-trained.
        """
        layout = ModelLayout(path)
        manifest = read_manifest(layout)
        return cls(shop, layout, manifest, read_yaml(layout.config, TrainingConfig))

    def of_another_graph(self) -> str | None:
        """Return why the model can't be checked against the graph; None where it was trained on it."""
        return None if self.manifest.graph_hash == self.shop.manifest.hash else "the model was trained on another graph"

    def without_vectors(self) -> str | None:
        """Say why there are no vectors to check, None where there are."""
        if not self.layout.node_embeddings.is_dir():
            return "the model folder holds no vectors; they are made when they are needed"
        return self.of_another_graph()

    @cached_property
    def vectors(self) -> dict[str, Float32]:
        """The stored vectors by node type, memory-mapped."""
        sizes = self.shop.graph.num_nodes
        shapes = {node_type: (sizes[node_type], self.manifest.dimension) for node_type in NODE_TYPES}
        return {node_type: read_vectors(self.layout.node_embeddings / f"{node_type}.npy", shape) for node_type, shape in shapes.items()}

    @staticmethod
    def tensors(file: Path, names: list[str] | None = None) -> dict[str, npt.NDArray[Any]]:
        """Return the tensors of a file, or some of them, by name.

        Raises:
            ArtefactError: The file is damaged.
        """
        try:
            with safe_open(file, "numpy") as opened:
                there = list(opened.keys())
                return {name: np.asarray(opened.get_tensor(name)) for name in (there if names is None else names) if name in there}
        except (SafetensorError, OSError) as error:
            raise ArtefactError(f"{file} is damaged ({error}); train the model again") from None
