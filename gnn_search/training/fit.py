"""From a configuration to a model folder: train the towers, fit the reranker, save."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from gnn_search.config.files import read_yaml
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ArtefactError
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout
from gnn_search.machine import library_versions
from gnn_search.progress import Progress
from gnn_search.rerank.word_matches import save_matches
from gnn_search.sampling.inputs import InputSampler
from gnn_search.trained.model import open_model, read_manifest, save_model
from gnn_search.trained.node_embeddings import encode_nodes, save_node_embeddings
from gnn_search.training.checkpoint import remove_checkpoints
from gnn_search.training.loop import RESUME_ADVICE, Listener, TrainingResult, train
from gnn_search.training.reranker_fit import RerankerFit, fit_reranker
from gnn_search.training.understanding_fit import fit_understanding


def train_model(
    config: TrainingConfig | str | Path,
    graph: Graph | str | Path,
    out: str | Path,
    *,
    resume: bool = False,
    seed: int | None = None,
    tensorboard: bool | None = None,
    listener: Listener = lambda report: None,
    say: Callable[[str], object] = lambda sentence: None,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Train a model as `fit_model` does, and save its node embeddings and word matches beside it.

    Args:
        config: The configuration, the name of a shipped one, or a path.
        graph: The graph, or its folder.
        out: The model folder.
        resume: Go on from the newest checkpoint in `out`.
        seed: In place of the configuration's.
        tensorboard: Write event files of TensorBoard; by default where it is installed.
        listener: Called after each step.
        say: Called with a sentence for what follows the steps.
        progress: Receives the progress of fitting the reranker.

    Returns:
        The summary that `model.json` keeps.

    Raises:
        GnnSearchError: As `fit_model` does, or the configuration or the graph is not right.
    """
    out = Path(out)
    settings = config if isinstance(config, TrainingConfig) else TrainingConfig.load(config)
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    if not isinstance(graph, Graph):
        graph = Graph.open(graph)
        graph.verify()
    board = any(distributions(name="tensorboard")) if tensorboard is None else tensorboard
    summary = fit_model(settings, graph, out, resume=resume, tensorboard=board, listener=listener, say=say, progress=progress)
    layout = ModelLayout(out)
    if layout.checkpoint.exists():  # else the model was whole before
        model = open_model(out, graph.path)
        if model.reranker is not None and settings.reranker.words:
            save_matches(model.word_matcher.match_queries(), layout.word_matches)
        save_node_embeddings(model, encode_nodes(model, graph.manifest.test_start))
    remove_checkpoints(layout.checkpoint)
    return summary


def fit_model(
    config: TrainingConfig,
    graph: Graph,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    listener: Listener = lambda report: None,
    say: Callable[[str], object] = lambda sentence: None,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Train a model, save it, and return the summary that `model.json` keeps; see `train_model` for the arguments.

    With `resume`, of a model that is whole only its summary is read.

    Raises:
        OutputExistsError: `out` exists and `resume` is false.
        ArtefactError: There is nothing to resume, or it is of another configuration or graph.
        MissingExtraError: TensorBoard is wanted and not installed.
        DivergenceError: The loss, a weight or a vector is no longer a finite number.
    """
    ended = _ended(config, graph, ModelLayout(out)) if resume else None
    if ended is not None:
        return ended
    result = train(config, graph, out, resume=resume, tensorboard=tensorboard, listener=listener)
    reranker = None
    if config.reranker.enabled:
        say("fitting the reranker on the validation period")
        reranker = fit_reranker(config, graph, result.towers, InputSampler(graph, config), progress)
        scorer, understanding = reranker.scorer, reranker.understanding
    else:
        scorer, understanding = None, fit_understanding(config, graph, result.towers, InputSampler(graph, config))
    summary = _summarise(result, reranker, out)
    save_model(out, graph, config, result.towers, scorer, summary, library_versions(), understanding=understanding)
    return summary


def _ended(config: TrainingConfig, graph: Graph, layout: ModelLayout) -> dict[str, Any] | None:
    """Return the summary of a model that is whole, which has no checkpoint any more; None where there is something to resume."""
    if layout.checkpoint.exists() or not layout.manifest.exists():
        return None
    manifest = read_manifest(layout)
    same_config = read_yaml(layout.config, TrainingConfig) == config
    for key, same in (("graph", manifest.graph_hash == graph.manifest.hash), ("config", same_config)):
        if not same:
            raise ArtefactError(f"the model in {layout.root} is of another {key}; {RESUME_ADVICE.format(key)}")
    return {**manifest.training, "model": str(layout.root)}


def _summarise(result: TrainingResult, reranker: RerankerFit | None, out: Path) -> dict[str, Any]:
    progress = result.progress
    return {
        "model": str(out),
        "steps": progress.step,
        "steps_planned": result.total_steps,
        "best_step": progress.best_step,
        "validation_recall_at_10": progress.best_recall,
        "examples": progress.examples,
        "seconds": round(progress.seconds, 1),
        "cpu_seconds": round(progress.cpu_seconds, 1),
        "examples_per_second": round(result.rate),
        "share_waiting_for_batches": round(result.waiting, 4),
        "parameters": sum(parameter.numel() for parameter in result.towers.parameters()),
        "negatives": result.negatives,
        "reranker": None if reranker is None else {"cases": reranker.cases, "validation_recall_at_10": reranker.recall},
    }
