"""How to reproduce a run: commands, versions, machine, hashes, seeds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Evaluation, Manifest
from gnn_search.trained.model import Model


class Step(StrictModel):
    """One command, and what it makes."""

    what: str
    command: str


class Reproduction(StrictModel):
    """What is needed to reproduce the figures.

    Attributes:
        steps: Commands in order. That of the evaluation is as it was given; the others follow from what the run records.
        hashes: Of graph, inputs, model and cases.
    """

    steps: tuple[Step, ...]
    hashes: dict[str, str]
    seeds: dict[str, int]
    machine: dict[str, Any]
    recipe: str
    config: str


def describe_reproduction(model: Model, evaluation: Evaluation, manifest: Manifest, runs: list[Path], out: Path) -> Reproduction:
    """Gather what is needed to reproduce a report."""
    graph, config = model.graph.manifest, model.config
    page = Step(what="this page", command=shlex.join(["gnn-search", "report", *map(str, runs), "--out", str(out)]))
    steps = (*_steps(manifest), page)
    return Reproduction(
        steps=steps,
        hashes={
            "graph": evaluation.graph_hash,
            "raw tables": graph.input_hash,
            "model": manifest.model_hash,
            **{f"model {name}": value for name, value in manifest.rivals.items()},
            "cases": manifest.cases_hash,
        },
        seeds={"training": config.seed, "sample of cases, resamples and tests": evaluation.seed},
        machine=manifest.machine,
        recipe=_yaml(graph.recipe),
        config=_yaml(config.model_dump(mode="json")),
    )


def _steps(manifest: Manifest) -> tuple[Step, ...]:
    if shlex.split(manifest.command)[1:2] == ["demo"]:
        return (
            Step(what="the program, and the package that holds the data", command="pip install 'gnn-search[demo]'"),
            Step(what="tables, graph, model and run, in folders of their own", command=manifest.command),
        )
    build = ["gnn-search", "build-graph", "recipe.yaml", "--data", "tables/", "--out", manifest.graph]
    train = ["gnn-search", "train", "config.yaml", "--graph", manifest.graph, "--out", manifest.model]
    return (
        Step(what="the program", command="pip install 'gnn-search[report]'"),
        Step(what="the graph, from the recipe and the shop's raw tables", command=shlex.join(build)),
        Step(what="the model, from the configuration", command=shlex.join(train)),
        Step(what="the run", command=manifest.command),
    )


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
