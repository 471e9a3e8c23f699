"""How to make the run again: commands, versions, machine, hashes, seeds."""

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
    """What is needed to make the figures again.

    Attributes:
        steps: Commands in their order. The evaluation's is as it was given; the others are put together from what the run says.
        hashes: Of graph, inputs, model and cases.
        seeds: Of training and evaluation.
        machine: That the evaluation ran on, with versions.
        recipe: Of the graph, as YAML.
        config: Of the model, as YAML.
    """

    steps: tuple[Step, ...]
    hashes: dict[str, str]
    seeds: dict[str, int]
    machine: dict[str, Any]
    recipe: str
    config: str


def describe_reproduction(model: Model, evaluation: Evaluation, told: Manifest, runs: list[Path], out: Path) -> Reproduction:
    """Gather what is needed to make a report again."""
    graph, config = model.graph.manifest, model.config
    page = Step(what="this page", command=shlex.join(["gnn-search", "report", *map(str, runs), "--out", str(out)]))
    steps = (*(_demo(told.command) if _is_demo(told.command) else _own_shop(told)), page)
    return Reproduction(
        steps=steps,
        hashes={
            "graph": evaluation.graph_hash,
            "raw tables": graph.input_hash,
            "model": told.model_hash,
            **{f"model {name}": value for name, value in told.rivals.items()},
            "cases": told.cases_hash,
        },
        seeds={"training": config.seed, "sample of cases, draws and tests": evaluation.seed},
        machine=told.machine,
        recipe=_yaml(graph.recipe),
        config=_yaml(config.model_dump(mode="json")),
    )


def _is_demo(command: str) -> bool:
    return shlex.split(command)[1:2] == ["demo"]


def _demo(command: str) -> tuple[Step, ...]:
    return (
        Step(what="the program, and the package that holds the data", command="pip install 'gnn-search[demo]'"),
        Step(what="tables, graph, model and run, in folders of their own", command=command),
    )


def _own_shop(told: Manifest) -> tuple[Step, ...]:
    build = ["gnn-search", "build-graph", "recipe.yaml", "--data", "tables/", "--out", told.graph]
    train = ["gnn-search", "train", "config.yaml", "--graph", told.graph, "--out", told.model]
    return (
        Step(what="the program", command="pip install 'gnn-search[report]'"),
        Step(what="the graph, from the recipe and the shop's raw tables", command=shlex.join(build)),
        Step(what="the model, from the configuration", command=shlex.join(train)),
        Step(what="the run", command=told.command),
    )


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
