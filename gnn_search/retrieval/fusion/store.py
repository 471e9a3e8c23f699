"""Save and open folders of fitted fusions."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.layout import FORMAT_VERSION, FusionLayout, hash_files, staged, write_json
from gnn_search.machine import library_versions
from gnn_search.manifest import Artefact
from gnn_search.retrieval.fusion.rules import Weights
from gnn_search.trained.model import Model

_FUSION = Artefact("fusion", "fit it again with 'gnn-search fuse'", "gnn-search fuse")


class FusionManifest(StrictModel):
    """What `fusion.json` says of fitted weights.

    Attributes:
        model: Folder of the model whose channels were fused.
        depth: Products that each channel gave.
        cases: Validation cases that they were fitted on.
        seed: Of the draw of the cases.
        hash: Of the weights' file.
    """

    format_version: int
    model: str
    model_hash: str
    graph_hash: str
    depth: int
    cases: int
    seed: int
    hash: str
    versions: dict[str, str] = Field(default_factory=dict)


def save_fusion(out: Path, model: Model, weights: Weights, depth: int, cases: int, seed: int) -> None:
    """Write weights with a manifest into a folder, whole or not at all.

    Raises:
        OutputExistsError: `out` exists.
    """
    with staged(out) as partial:
        partial.mkdir()
        layout = FusionLayout(partial)
        write_json(layout.weights, weights.model_dump(mode="json"))
        manifest = FusionManifest(
            format_version=FORMAT_VERSION,
            model=str(model.path.resolve()),
            model_hash=model.manifest.hash,
            graph_hash=model.graph.manifest.hash,
            depth=depth,
            cases=cases,
            seed=seed,
            hash=hash_files([layout.weights]),
            versions=library_versions(),
        )
        write_json(layout.manifest, manifest.model_dump(mode="json"))


def open_fusion(folder: Path, model: Model) -> Weights:
    """Open the weights that `save_fusion` wrote for a model's channels.

    Raises:
        ArtefactError: The folder is no fusion, is damaged, of another version, or of another model.
    """
    layout = FusionLayout(folder)
    manifest = _FUSION.read_manifest(layout.manifest, FusionManifest)
    _FUSION.check_hash(folder, [layout.weights.name], manifest.hash)
    weights = _FUSION.read_manifest(layout.weights, Weights)
    if manifest.model_hash != model.manifest.hash:
        raise ArtefactError(f"the fusion {folder} was fitted to another model than {model.path}; {_FUSION.again}")
    return weights
