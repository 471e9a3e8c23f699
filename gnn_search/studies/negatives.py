"""Compare mixes of negatives: what they reach, what they cost, how often they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gnn_search.config.studies import NegativesStudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.studies.execute import StudyListener
from gnn_search.studies.overrides import overridden
from gnn_search.studies.plan import chosen_names
from gnn_search.studies.report import run_study
from gnn_search.studies.result import MixCosts, NegativesReport, RunResult, SamplerCost, Target
from gnn_search.studies.targets import best_validation, reached, resolve_target


def compare_negatives(
    study: NegativesStudySettings,
    graph: Graph,
    work: Path,
    listener: StudyListener,
    *,
    command: str,
    only: Sequence[str] = (),
    keep: bool = False,
) -> NegativesReport:
    """Train the base with each mix, and measure and cost the models.

    Args:
        study: The settings.
        graph: The graph.
        work: Where results are kept as they come.
        listener: Told how it goes on.
        command: Kept in the report.
        only: Names of the mixes to try; none means all.
        keep: Keep the models.

    Raises:
        ConfigError: The base, the override or a mix is not right.
        RequestError: A name is none of a mix, or no case is left.
    """
    configs = mix_configs(study, only)
    reference = study.reference if study.reference in configs else None
    report = run_study(study, configs, graph, work, listener, reference=reference, command=command, keep=keep)
    runs = {name: [run for run in report.runs if run.name == name] for name in configs}
    found = [resolve_target(target, runs) for target in study.targets]
    targets = [target for target in found if target is not None]
    notes = (
        *report.notes,
        "seconds and CPU seconds to a target are of training steps and of building indices; those of validations are left out",
        "between two validations the recall is taken to rise along a straight line",
    )
    told = {**dict(report), "notes": notes}
    return NegativesReport(**told, targets=tuple(targets), costs=tuple(mix_costs(name, runs[name], targets) for name in configs))


def mix_configs(study: NegativesStudySettings, only: Sequence[str] = ()) -> dict[str, TrainingConfig]:
    """Return the configurations by the name of their mix."""
    plain = overridden(TrainingConfig.load(study.base), {"reranker": {"enabled": False}}, "the base")
    base = overridden(plain, study.override, "the study's override")
    mixes = {name: study.mixes[name].model_dump(mode="json") for name in chosen_names(study.mixes, only, "mix")}
    return {name: overridden(base, mix, f"mix '{name}'") for name, mix in mixes.items()}


def mix_costs(name: str, runs: Sequence[RunResult], targets: Sequence[Target]) -> MixCosts:
    """Return what a mix costs, from the counts that its runs kept."""
    kinds = [sampler["kind"] for sampler in runs[0].training["negatives"]]
    return MixCosts(
        name=name,
        best_validation=median(best_validation(run) for run in runs),
        mining_cpu_seconds=median(sum(_drawing(one) + one["index_cpu_seconds"] for one in run.training["negatives"]) for run in runs),
        share_of_step=median(sum(_drawing(one) for one in run.training["negatives"]) / _training_cpu(run) for run in runs),
        samplers=tuple(_sampler(kind, runs) for kind in kinds),
        reached=tuple(reached(target, runs) for target in targets),
    )


def _sampler(kind: str, runs: Sequence[RunResult]) -> SamplerCost:
    def middle(of: Callable[[RunResult, dict[str, Any]], float]) -> float:
        return median(of(run, next(one for one in run.training["negatives"] if one["kind"] == kind)) for run in runs)

    return SamplerCost(
        kind=kind,
        drawing_cpu_seconds=middle(lambda run, one: _drawing(one)),
        index_cpu_seconds=middle(lambda run, one: float(one["index_cpu_seconds"])),
        cpu_seconds_per_million=middle(lambda run, one: float(one["cpu_seconds_per_million"])),
        share_of_step=middle(lambda run, one: _drawing(one) / _training_cpu(run)),
        false_negatives=middle(lambda run, one: float(one["study"]["same_query"]["share"])),
        false_negatives_asked=middle(lambda run, one: float(one["study"]["same_query"]["share_of_asked"])),
    )


def _drawing(sampler: dict[str, Any]) -> float:
    return float(sampler["drawing_cpu_seconds"])


def _training_cpu(run: RunResult) -> float:
    """Return the CPU seconds of all steps; the last of them is followed by a validation."""
    return max(run.validations[-1].cpu_seconds, 1e-9)
