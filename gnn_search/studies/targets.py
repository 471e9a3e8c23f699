"""What it takes to reach a validation recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from gnn_search.studies.result import Candidates, RunResult, Target, Validation

LOWEST = "lowest"
_BUILT_ON_THE_WAY = {"dynamic"}
"""Samplers whose lists are made between the steps, in whose seconds they count already."""


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
    meant = runs if target == LOWEST else {str(target): runs.get(str(target), ())}
    recalls: dict[int, float] = {}
    for run in (run for of_mix in runs.values() for run in of_mix):
        if isinstance(target, float):
            recalls[run.seed] = target
        else:
            recalls[run.seed] = min(best_validation(other) for of_mix in meant.values() for other in of_mix if other.seed == run.seed)
    return Target(name=str(target), recalls=recalls)


def first_reach(validations: Sequence[Validation], recall: float) -> Validation | None:
    """Return where a run first reaches a recall, None where it never does.

    Between two validations the recall is taken to rise along a straight line; one that the first validation finds reached counts as
    reached there.
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


def reached(target: Target, runs: Sequence[RunResult]) -> Candidates:
    """Return what it took the runs of a mix; to the seconds of the steps come those of the indices that were built before them."""
    places = [first_reach(run.validations, target.recalls[run.seed]) for run in runs]
    building = [_built_before(run) for run in runs]
    return Candidates(
        target=target.name,
        seeds=sum(place is not None for place in places),
        steps=_median([None if place is None else place.step for place in places]),
        seconds=_median([None if place is None else place.seconds + extra for place, extra in zip(places, building, strict=True)]),
        cpu_seconds=_median([None if place is None else place.cpu_seconds + extra for place, extra in zip(places, building, strict=True)]),
    )


def _built_before(run: RunResult) -> float:
    samplers = run.training["negatives"]
    return float(sum(sampler["index_cpu_seconds"] for sampler in samplers if sampler["kind"] not in _BUILT_ON_THE_WAY))


def _median(values: Sequence[float | None]) -> float | None:
    """Return the median, a run that never got there counting as one that takes for ever."""
    middle = median(float("inf") if value is None else float(value) for value in values)
    return None if middle == float("inf") else middle
