"""From a configuration to a model folder: train the towers, fit the walk term, save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.model.store import save_model
from gnn_search.sampling.inputs import InputSampler
from gnn_search.training.loop import Listener, TrainingResult, train
from gnn_search.training.walk_fit import WalkFit, fit_walk
from gnn_search.versions import library_versions


def fit_model(
    config: TrainingConfig,
    graph: Graph,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    listener: Listener = lambda report: None,
    say: Callable[[str], object] = lambda sentence: None,
) -> dict[str, Any]:
    """Train a model, save it, and return the summary that `model.json` keeps.

    Args:
        config: The configuration.
        graph: The graph; only training and validation events are read.
        out: The model folder.
        resume: Go on from the newest checkpoint in `out`.
        tensorboard: Write event files of TensorBoard beside `metrics.jsonl`.
        listener: Told of each step.
        say: Told what happens after the steps.

    Raises:
        OutputExistsError: `out` exists and `resume` is false.
        ArtefactError: There is nothing to resume, or it is of another configuration or graph.
        MissingExtraError: TensorBoard is asked for and not installed.
    """
    result = train(config, graph, out, resume=resume, tensorboard=tensorboard, listener=listener)
    walk = None
    if config.reranker.enabled:
        say("fitting the walk term on the validation period")
        walk = fit_walk(config, graph, result.towers, InputSampler(graph, config))
    summary = _summarise(result, walk, out)
    save_model(out, graph, config, result.towers, None if walk is None else walk.scorer, summary, library_versions())
    return summary


def _summarise(result: TrainingResult, walk: WalkFit | None, out: Path) -> dict[str, Any]:
    progress = result.progress
    fitted = (
        {
            "cases": walk.cases,
            "validation_recall_at_10": {"vector": walk.vector, "walk": walk.walk, "full": walk.both},
        }
        if walk is not None
        else None
    )
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
        "walk": fitted,
    }
