"""Run a study and put its report together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from gnn_search.config.studies import StudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.machine import describe_machine
from gnn_search.studies.differences import summarise
from gnn_search.studies.execute import StudyListener, cut_offs, execute
from gnn_search.studies.plan import Measuring, measuring_of, plan_runs
from gnn_search.studies.result import Skipped, StudyReport
from gnn_search.studies.store import StudyStore


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
        listener: Told how it goes on.
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
        # The recalls of all cases of all runs are much together; those of one variant and the reference are enough.
        found = base if name == reference else [store.load(run) for run in runs if run.name == name]
        summaries.append(summarise(name, found, base if base and name != reference else None, study.n_resamples))
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
    notes = ["summaries are medians over seeds; intervals are 95 % bootstrap intervals over shoppers, all seeds pooled"]
    if measuring.split == "test":
        return ["recalls are over cases of the test period", *notes]
    notes.insert(
        0,
        "recalls are over cases of the validation period, more than those that early stopping goes by (runs[].validations), and not of the "
        "test period",
    )
    if measuring.fitted:
        notes.append(
            f"walk terms are fitted on at most {measuring.fitted:,} validation cases of a seed; all models of the seed do without these"
        )
    return notes
