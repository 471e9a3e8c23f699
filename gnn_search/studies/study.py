"""Run a study: train and measure each configuration with each seed, and put the report together."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from gnn_search.arrays import Float64
from gnn_search.config.studies import StudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.evaluation.slices import Slice, report_slices
from gnn_search.graph.store import Graph
from gnn_search.layout import ModelLayout
from gnn_search.machine import describe_machine
from gnn_search.studies.differences import summarise_variant
from gnn_search.studies.measuring import Measuring, measuring_of, model_recalls, study_cases
from gnn_search.studies.result import Recall, RunResult, Skipped, StudyReport, Validation
from gnn_search.studies.runs import MeasuredRun, StudyRun, StudyStore, plan_runs
from gnn_search.trained.model import open_model
from gnn_search.training.fit import fit_model
from gnn_search.training.loop import StepReport


class StudyListener(Protocol):
    """Receives the progress of a study."""

    def planned(self, runs: int, done: int) -> None:
        """Receive, before the first run, how many there are and how many an earlier call finished."""
        ...

    def started(self, run: StudyRun) -> None:
        """Receive a run that starts."""
        ...

    def stepped(self, report: StepReport) -> None:
        """Receive each step of its training."""
        ...

    def ended(self, result: RunResult) -> None:
        """Receive its result, measured and stored."""
        ...


def run_study(
    study: StudySettings,
    configs: Mapping[str, TrainingConfig],
    graph: Graph,
    work: Path,
    listener: StudyListener,
    *,
    reference: str | None,
    command: str,
    keep: bool = False,
    skipped: Sequence[Skipped] = (),
) -> StudyReport:
    """Do all runs of a study and report them.

    Args:
        study: The settings.
        configs: What is trained, by name.
        graph: The graph.
        work: The working folder.
        listener: Receives the progress.
        reference: Name of the configuration that the others are compared with.
        command: Kept in the report.
        keep: Keep the models.
        skipped: Variants that are not tried.

    Raises:
        RequestError: No case is left to measure on.
        ArtefactError: A stored result is damaged.
    """
    measuring = measuring_of(list(configs.values()), study.split, study.cases)
    machine = describe_machine(torch.get_num_threads())
    runs = plan_runs(configs, study.seeds, measuring, graph.manifest.hash, machine)
    store = StudyStore(work)
    execute(runs, graph, measuring, store, listener, keep=keep)
    base = [store.load(run) for run in runs if run.name == reference]
    summaries, results = [], []
    for name in configs:
        # Memory holds the recalls of one variant and the reference, not of all runs.
        found = base if name == reference else [store.load(run) for run in runs if run.name == name]
        summaries.append(summarise_variant(name, found, base if base and name != reference else None, study.n_resamples))
        results += [measured.result for measured in found]
    return StudyReport(
        command=command,
        study=study.model_dump(mode="json"),
        graph=graph.manifest.name,
        graph_hash=graph.manifest.hash,
        machine=machine,
        notes=tuple(_notes(measuring)),
        reference=reference,
        k=cut_offs(graph),
        summaries=tuple(summaries),
        skipped=tuple(skipped),
        runs=tuple(results),
    )


def _notes(measuring: Measuring) -> list[str]:
    notes = ["summaries are medians over seeds; intervals are 95 % bootstrap intervals over users, all seeds pooled"]
    if measuring.split == "test":
        return ["recalls are over cases of the test period", *notes]
    cases = "recalls are over cases of the validation period, not the test period, and more than early stopping uses (runs[].validations)"
    notes = [cases, *notes]
    if measuring.fitted:
        notes.append(
            f"rerankers are fitted on at most {measuring.fitted:,} validation cases of a seed; all models of the seed do without these"
        )
    return notes


def cut_offs(graph: Graph) -> tuple[int, ...]:
    """Return 10 and 100, or what the catalogue has of them."""
    places = min(100, graph.num_nodes["product"])
    return (min(10, places), places) if places > 10 else (places,)


def execute(
    runs: Sequence[StudyRun], graph: Graph, measuring: Measuring, store: StudyStore, listener: StudyListener, *, keep: bool = False
) -> None:
    """Do the runs that are not done yet; each result goes to the store at once.

    A run that was killed starts again, so that its costs are those of one whole run.
    """
    for seed in sorted({run.seed for run in runs}):
        study_cases(graph, measuring, seed)  # fails before hours of training, not after
    listener.planned(len(runs), sum(store.has(run) for run in runs))
    for run in runs:
        if not store.has(run):
            listener.started(run)
            measured = _perform(run, graph.path, measuring, store.model(run), listener)
            store.save(run, measured)
            listener.ended(measured.result)
        if not keep and store.model(run).exists():
            shutil.rmtree(store.model(run))


def _perform(run: StudyRun, graph_path: Path, measuring: Measuring, out: Path, listener: StudyListener) -> MeasuredRun:
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
        training={key: value for key, value in training.items() if key != "model"},
        seconds=round(time.perf_counter() - wall, 1),
        cpu_seconds=round(time.process_time() - cpu, 1),
    )
    return MeasuredRun(result, cases.user, recalls)


def _means(recalls: Mapping[str, Float64], slices: Sequence[Slice], k: Sequence[int]) -> Iterator[Recall]:
    for channel, values in recalls.items():
        for part, of_slice in zip(slices, values, strict=True):
            counted = of_slice[:, ~np.isnan(of_slice[0])]
            for cut, of_cut in zip(k, counted, strict=True):
                yield Recall(channel=channel, slice=part.name, k=cut, mean=float(of_cut.mean()), cases=len(of_cut))


def _validations(layout: ModelLayout) -> Iterator[Validation]:
    for line in layout.metrics.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "validation_recall@10" in row:
            yield Validation(step=row["step"], seconds=row["seconds"], cpu_seconds=row["cpu_seconds"], recall=row["validation_recall@10"])
