"""Do the runs of a study."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gnn_search.evaluation.slices import Slice, report_slices
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout
from gnn_search.studies.cases import study_cases
from gnn_search.studies.plan import Measuring, Run
from gnn_search.studies.recalls import Float64, model_recalls
from gnn_search.studies.result import Recall, RunResult, Validation
from gnn_search.studies.store import Measured, StudyStore
from gnn_search.trained.model import open_model
from gnn_search.training.fit import fit_model
from gnn_search.training.loop import StepReport


class StudyListener(Protocol):
    """Hears how a study goes on."""

    def planned(self, runs: int, done: int) -> None:
        """Told before the first run how many there are and how many of them an earlier call finished."""
        ...

    def started(self, run: Run) -> None:
        """Told when a run starts."""
        ...

    def stepped(self, report: StepReport) -> None:
        """Told of each step of its training."""
        ...

    def ended(self, result: RunResult) -> None:
        """Told when it is measured and stored."""
        ...


def cut_offs(graph: Graph) -> tuple[int, ...]:
    """Return 10 and 100, or what the catalogue has of them."""
    places = min(100, graph.num_nodes["product"])
    return (min(10, places), places) if places > 10 else (places,)


def execute(
    runs: Sequence[Run], graph: Graph, measuring: Measuring, store: StudyStore, listener: StudyListener, *, keep: bool = False
) -> None:
    """Do the runs that are not done yet; each result goes to the store at once.

    A run that was broken off is done again from its start: its costs are to be those of one whole run.

    Args:
        runs: All runs of the study.
        graph: The graph.
        measuring: How models are measured.
        store: The working folder.
        listener: Told how it goes on.
        keep: Keep the models.

    Raises:
        RequestError: No case is left to measure on.
    """
    for seed in sorted({run.seed for run in runs}):
        study_cases(graph, measuring, seed)  # what can't be measured is told before hours of training
    listener.planned(len(runs), sum(store.has(run) for run in runs))
    for run in runs:
        if not store.has(run):
            listener.started(run)
            measured = _perform(run, graph.path, measuring, store.model(run), listener)
            store.save(run, measured)
            listener.ended(measured.result)
        if not keep and store.model(run).exists():
            shutil.rmtree(store.model(run))


def _perform(run: Run, graph_path: Path, measuring: Measuring, out: Path, listener: StudyListener) -> Measured:
    """Train and measure one model."""
    wall, cpu = time.perf_counter(), time.process_time()
    if out.exists():
        shutil.rmtree(out)
    # A graph keeps indices that it once made, which the next run would get for nothing.
    graph = Graph.open(graph_path)
    training = fit_model(run.config, graph, out, listener=listener.stepped)
    model = open_model(out, graph_path)
    cases = study_cases(graph, measuring, run.seed)
    slices, k = report_slices(cases, graph, {}), cut_offs(graph)
    recalls = model_recalls(model, cases, slices, k)
    result = RunResult(
        name=run.name,
        seed=run.seed,
        cases=len(cases),
        slices=tuple(part.name for part in slices),
        k=k,
        recalls=tuple(_means(recalls, slices, k)),
        validations=tuple(_validations(ModelLayout(out))),
        training=_without_path(training),
        seconds=round(time.perf_counter() - wall, 1),
        cpu_seconds=round(time.process_time() - cpu, 1),
    )
    return Measured(result, cases.user, recalls)


def _means(recalls: Mapping[str, Float64], slices: Sequence[Slice], k: Sequence[int]) -> Iterator[Recall]:
    for way, values in recalls.items():
        for part, of_slice in zip(slices, values, strict=True):
            counted = of_slice[:, ~np.isnan(of_slice[0])]
            for cut, of_cut in zip(k, counted, strict=True):
                yield Recall(way=way, slice=part.name, k=cut, mean=float(of_cut.mean()), cases=len(of_cut))


def _validations(layout: ModelLayout) -> Iterator[Validation]:
    for line in layout.metrics.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "validation_recall@10" in row:
            yield Validation(step=row["step"], seconds=row["seconds"], cpu_seconds=row["cpu_seconds"], recall=row["validation_recall@10"])


def _without_path(training: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in training.items() if key != "model"}
