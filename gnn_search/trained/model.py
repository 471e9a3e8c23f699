"""A trained model on disk: save and open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from gnn_search.config.base import StrictModel
from gnn_search.config.files import read_yaml
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ArtefactError
from gnn_search.graph.store import Graph
from gnn_search.layout import FORMAT_VERSION, ModelLayout, hash_files, read_json, staged, write_json
from gnn_search.manifest import Artefact
from gnn_search.model.codes import quantile_borders
from gnn_search.model.features import Features
from gnn_search.model.text_towers import open_text_tower
from gnn_search.model.two_tower import TwoTower
from gnn_search.rerank.candidates import partner_relations
from gnn_search.rerank.features import feature_names
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.understanding import Understanding
from gnn_search.rerank.word_matches import WordMatcher, open_matches
from gnn_search.sampling.inputs import InputSampler

MODEL = Artefact("model", "train the model again", "gnn-search train")


class ModelManifest(StrictModel):
    """What `model.json` says of a model.

    Attributes:
        name: Of the configuration.
        graph: Folder of the graph that it was trained on.
        graph_hash: Hash of that graph's content.
        files: Size in bytes of each file of the model, by name.
        quantiles: The borders at which each numeric column of the products was cut, none where the model has none.
        training: How training went: steps, examples, seconds, rates, best validation recall, negatives.
    """

    format_version: int
    name: str
    graph: str
    graph_hash: str
    files: dict[str, int]
    hash: str
    dimension: int
    quantiles: dict[str, list[float]] = Field(default_factory=dict)
    training: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True)
class Model:
    """A trained model, opened with its graph; `reranker` is None where the model has none."""

    path: Path
    manifest: ModelManifest
    config: TrainingConfig
    graph: Graph
    features: Features
    towers: TwoTower
    inputs: InputSampler
    reranker: RerankScorer | None
    word_matcher: WordMatcher
    understanding: Understanding = field(default_factory=Understanding)

    def __repr__(self) -> str:
        return f"<Model {self.config.name!r} in {self.path}, on {self.graph.manifest.name!r}>"

    @property
    def layout(self) -> ModelLayout:
        return ModelLayout(self.path)


def save_model(
    out: Path,
    graph: Graph,
    config: TrainingConfig,
    towers: TwoTower,
    reranker: RerankScorer | None,
    training: dict[str, Any],
    versions: dict[str, str],
    *,
    understanding: Understanding | None = None,
) -> None:
    """Write configuration, weights and what the text tower needs into a model folder, the manifest last.

    Without an `understanding` a model is opened with the unfitted one.
    """
    layout = ModelLayout(out)
    with staged(layout.config, replace=True) as partial:
        partial.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    apart = set(map(id, towers.text.saved_apart()))
    weights = {name: parameter for name, parameter in towers.named_parameters() if id(parameter) not in apart}
    with staged(layout.weights, replace=True) as partial:
        # Not save_file, which makes a file that nobody else may read.
        partial.write_bytes(save({name: parameter.detach().contiguous() for name, parameter in weights.items()}))
    files = [layout.config, *towers.text.save(out), layout.weights]
    if reranker is not None:
        with staged(layout.reranker, replace=True) as partial:
            partial.write_bytes(save({name: value.detach().contiguous() for name, value in reranker.state_dict().items()}))
        files.append(layout.reranker)
    if understanding is not None:
        write_json(layout.understanding, understanding.model_dump(mode="json"))
        files.append(layout.understanding)
    files.sort()
    manifest = ModelManifest(
        format_version=FORMAT_VERSION,
        name=config.name,
        graph=str(graph.path.resolve()),
        graph_hash=graph.manifest.hash,
        files={file.name: file.stat().st_size for file in files},
        hash=hash_files(files),
        dimension=config.dimension,
        quantiles={} if towers.product.numeric is None else quantile_borders(graph, config.product.numeric_buckets),
        training=training,
        versions=versions,
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))


def open_model(path: str | Path, graph: str | Path | None = None) -> Model:
    """Open a model folder and its graph.

    Args:
        path: The model folder.
        graph: The graph's folder, where it is no longer in the place that the model remembers.

    Raises:
        ArtefactError: The folder is no model, is damaged, half-trained or of another version, or the graph is not the one it was trained
            on.
    """
    layout = ModelLayout(Path(path))
    manifest = read_manifest(layout)
    if graph is None and not Path(manifest.graph).is_dir():
        raise ArtefactError(f"the graph of the model {layout.root} is no longer in {manifest.graph}; say where it is with --graph")
    opened = Graph.open(Path(graph) if graph is not None else Path(manifest.graph))
    if opened.manifest.hash != manifest.graph_hash:
        raise ArtefactError(
            f"the model {layout.root} was trained on another graph than {opened.path} "
            f"(hash {manifest.graph_hash}, got {opened.manifest.hash}); give its own with --graph, or train anew"
        )
    config = read_yaml(layout.config, TrainingConfig)
    features = Features(opened)
    towers = TwoTower(config, features, open_text_tower(config.text, config.dimension, opened, layout))
    with _readable(layout.weights):
        weights = load_file(layout.weights)
        missing = set(dict(towers.named_parameters())) ^ set(weights)
        if missing:
            raise ArtefactError(f"{layout.weights} does not fit {layout.config}: it lacks or adds {min(missing)}; train the model again")
        towers.load_state_dict(weights, strict=False)
    towers.eval()
    reranker = None
    if layout.reranker.name in manifest.files:
        reranker = RerankScorer(len(feature_names(config.reranker, partner_relations(opened))), config.reranker.hidden).eval()
        with _readable(layout.reranker):
            reranker.load_state_dict(load_file(layout.reranker))
    matcher = WordMatcher(opened, config.reranker.words, open_matches(layout.word_matches, opened.num_nodes["query"]))
    understanding = Understanding()
    if layout.understanding.name in manifest.files:
        understanding = _read_understanding(layout.understanding)
    inputs = InputSampler(opened, config)
    return Model(layout.root, manifest, config, opened, features, towers, inputs, reranker, matcher, understanding)


def _read_understanding(file: Path) -> Understanding:
    try:
        return Understanding.model_validate(read_json(file, "a model folder", "train the model again"))
    except ValidationError as error:
        raise ArtefactError(f"{file} is damaged ({error.errors()[0]['msg']}); train the model again") from None


def read_manifest(layout: ModelLayout) -> ModelManifest:
    """Read what a model folder says of itself, and compare its files with the hash.

    Raises:
        ArtefactError: The folder is no model, is damaged, half-trained or of another version.
    """
    if not layout.manifest.exists() and layout.metrics.exists():
        raise ArtefactError(
            f"the training in {layout.root} has not ended; go on with 'gnn-search train --resume', or, where it diverged, remove the "
            "folder and train anew with lower learning rates"
        )
    manifest = MODEL.read_manifest(layout.manifest, ModelManifest)
    MODEL.check_hash(layout.root, sorted(manifest.files), manifest.hash)
    return manifest


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        raise ArtefactError(f"{file} is damaged ({' '.join(str(error).split())}); train the model again") from None
