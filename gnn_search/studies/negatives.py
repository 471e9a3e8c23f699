"""Compare mixes of negatives: what they reach, what they cost, how often they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

from gnn_search.config.studies import NegativesStudySettings
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.studies.overrides import overridden
from gnn_search.studies.result import MixCosts, NegativesReport, RunResult, SamplerCost, Target, TargetCosts, Validation
from gnn_search.studies.runs import select_names
from gnn_search.studies.study import StudyListener, run_study

LOWEST = "lowest"
_BUILT_BETWEEN_STEPS = {"dynamic"}
"""Samplers whose lists are made between the steps, in whose seconds they count already."""


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
    """Train the base with each mix, and measure and cost the models; see `run_study`.

    `only` names the mixes to try; none means all.

    Raises:
        ConfigError: The base, the override or a mix is not right.
        RequestError: A name is none of a mix, or no case is left.
    """
    configs = mix_configs(study, only)
    reference = study.reference if study.reference in configs else None
    report = run_study(study, configs, graph, work, listener, reference=reference, command=command, keep=keep)
    runs = {name: [run for run in report.runs if run.name == name] for name in configs}
    targets = [target for named in study.targets if (target := resolve_target(named, runs)) is not None]
    notes = (
        *report.notes,
        "seconds and CPU seconds to a target are of training steps and of building indices; those of validations are left out",
        "between two validations the recall is taken to rise along a straight line",
    )
    costs = tuple(mix_costs(name, runs[name], targets) for name in configs)
    return NegativesReport(**{**dict(report), "notes": notes}, targets=tuple(targets), costs=costs)


def mix_configs(study: NegativesStudySettings, only: Sequence[str] = ()) -> dict[str, TrainingConfig]:
    """Return the configurations by the name of their mix."""
    plain = overridden(TrainingConfig.load(study.base), {"reranker": {"enabled": False}}, "the base")
    base = overridden(plain, study.override, "the study's override")
    mixes = {name: study.mixes[name].model_dump(mode="json") for name in select_names(study.mixes, only, "mix")}
    return {name: overridden(base, mix, f"mix '{name}'") for name, mix in mixes.items()}


def mix_costs(name: str, runs: Sequence[RunResult], targets: Sequence[Target]) -> MixCosts:
    """Return what a mix costs, from the counts that its runs kept."""
    kinds = [sampler["kind"] for sampler in runs[0].training["negatives"]]
    return MixCosts(
        name=name,
        best_validation=median(best_validation(run) for run in runs),
        mining_cpu_seconds=median(_total(run, "drawing_cpu_seconds") + _total(run, "index_cpu_seconds") for run in runs),
        share_of_step=median(_total(run, "drawing_cpu_seconds") / _training_cpu(run) for run in runs),
        samplers=tuple(_sampler(kind, runs) for kind in kinds),
        reached=tuple(reached(target, runs) for target in targets),
    )


def _sampler(kind: str, runs: Sequence[RunResult]) -> SamplerCost:
    def middle(of: Callable[[RunResult, dict[str, Any]], float]) -> float:
        return median(of(run, next(one for one in run.training["negatives"] if one["kind"] == kind)) for run in runs)

    return SamplerCost(
        kind=kind,
        drawing_cpu_seconds=middle(lambda run, one: float(one["drawing_cpu_seconds"])),
        index_cpu_seconds=middle(lambda run, one: float(one["index_cpu_seconds"])),
        cpu_seconds_per_million=middle(lambda run, one: float(one["cpu_seconds_per_million"])),
        share_of_step=middle(lambda run, one: float(one["drawing_cpu_seconds"]) / _training_cpu(run)),
        false_negatives=middle(lambda run, one: float(one["study"]["same_query"]["share"])),
        false_negatives_known=middle(lambda run, one: float(one["study"]["same_query"]["share_of_observed"])),
    )


def _total(run: RunResult, cost: str, without: Collection[str] = ()) -> float:
    """Return a cost of all samplers of a run, but for some kinds."""
    return sum(float(one[cost]) for one in run.training["negatives"] if one["kind"] not in without)


def _training_cpu(run: RunResult) -> float:
    """Return the CPU seconds of all steps; the last of them is followed by a validation."""
    return max(run.validations[-1].cpu_seconds, 1e-9)


def best_validation(run: RunResult) -> float:
    """Return the best recall of a run's validations."""
    return max(validation.recall for validation in run.validations)


def resolve_target(target: float | str, runs: Mapping[str, Sequence[RunResult]]) -> Target | None:
    """Return the recall that is meant, for each seed; None where the mix that is named was not run.

    Args:
        target: A number, the name of a mix, or `lowest`.
        runs: By mix, one a seed.
    """
    if isinstance(target, str) and target != LOWEST and target not in runs:
        return None
    if isinstance(target, float):
        return Target(name=str(target), recalls={run.seed: target for of_mix in runs.values() for run in of_mix})
    recalls: dict[int, float] = {}
    for run in (run for name, of_mix in runs.items() for run in of_mix if target in (LOWEST, name)):
        recalls[run.seed] = min(best_validation(run), recalls.get(run.seed, inf))
    return Target(name=str(target), recalls=recalls)


def first_reach(validations: Sequence[Validation], recall: float) -> Validation | None:
    """Return where a run first reaches a recall, None where it never does.

    Between two validations the recall is taken to rise along a straight line; one that the first validation has already reached counts
    as reached there.
    """
    before = None
    for after in validations:
        if after.recall >= recall:
            if before is None:
                return after
            share = (recall - before.recall) / (after.recall - before.recall)
            return Validation(
                step=round(before.step + share * (after.step - before.step)),
                seconds=before.seconds + share * (after.seconds - before.seconds),
                cpu_seconds=before.cpu_seconds + share * (after.cpu_seconds - before.cpu_seconds),
                recall=recall,
            )
        before = after
    return None


def reached(target: Target, runs: Sequence[RunResult]) -> TargetCosts:
    """Return what it took the runs of a mix, in steps and in seconds of steps and of the indices built before them."""
    places = [first_reach(run.validations, target.recalls[run.seed]) for run in runs]
    building = [_total(run, "index_cpu_seconds", without=_BUILT_BETWEEN_STEPS) for run in runs]

    def middle(of: Callable[[Validation, float], float]) -> float | None:
        """Return the median, where a run that never got there takes for ever."""
        found = median(inf if place is None else float(of(place, extra)) for place, extra in zip(places, building, strict=True))
        return None if found == inf else found

    return TargetCosts(
        target=target.name,
        seeds=sum(place is not None for place in places),
        steps=middle(lambda place, extra: place.step),
        seconds=middle(lambda place, extra: place.seconds + extra),
        cpu_seconds=middle(lambda place, extra: place.cpu_seconds + extra),
    )
