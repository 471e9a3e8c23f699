"""Where the model wins and where it does not, slice by slice."""

from __future__ import annotations

from typing import Literal

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.result import Difference, Evaluation
from gnn_search.evaluation.significance import too_small
from gnn_search.report.measure_table import find_score
from gnn_search.report.methods import others, subject, without_user

Outcome = Literal["wins", "level", "loses", "too few", "alone"]


class Bar(StrictModel):
    """One method's recall in a slice with its 95 % interval."""

    method: str
    mean: float
    low: float
    high: float


class Versus(StrictModel):
    """The model minus another method, with the interval of the paired difference."""

    method: str
    mean: float
    low: float
    high: float
    p_adjusted: float | None


class SliceFinding(StrictModel):
    """One slice.

    Attributes:
        name: Of the slice.
        cases: That have a chosen product in it.
        users: Shoppers of these.
        outcome: Whether the model is significantly better than each other method there (wins), significantly worse than one (loses), or
            neither (level); `too few` where the shoppers are too few to say, `alone` where there is no other method.
        strongest: Against the other method with the highest recall in this slice.
        bars: The model, the model without the shopper, and the other method that is strongest over all cases.
    """

    name: str
    cases: int
    users: int
    outcome: Outcome
    strongest: Versus | None
    bars: tuple[Bar, ...]


def find_slices(evaluation: Evaluation) -> tuple[SliceFinding, ...]:
    """Judge every slice by recall at the first cut-off; the first slice is all cases."""
    return tuple(judge_slice(evaluation, name) for name in evaluation.slices)


def judge_slice(evaluation: Evaluation, name: str) -> SliceFinding:
    """Judge one slice."""
    model, recall = subject(evaluation), headline(evaluation)
    own = evaluation.score(model, name, recall.metric, recall.k)
    rival = strongest_other(evaluation, evaluation.slices[0])
    best = strongest_other(evaluation, name)
    told = [evaluation.difference(method, name, recall.metric, recall.k) for method in others(evaluation)]
    shown = [method for method in (model, without_user(evaluation), rival) if method is not None]
    scores = [(method, find_score(evaluation, method, name, recall)) for method in shown]
    return SliceFinding(
        name=name,
        cases=own.cases,
        users=own.users,
        outcome=_outcome(told, own.users),
        strongest=None if best is None else _versus(evaluation.difference(best, name, recall.metric, recall.k)),
        bars=tuple(Bar(method=method, mean=score.mean, low=score.low, high=score.high) for method, score in scores if score is not None),
    )


def headline(evaluation: Evaluation) -> Measure:
    """Return the measure that slices are tested by."""
    return Measure("recall", min(evaluation.k))


def strongest_other(evaluation: Evaluation, name: str) -> str | None:
    """Return the other method with the highest recall in a slice, the first of equals; None where there is none."""
    recall = headline(evaluation)
    scores = {method: evaluation.score(method, name, recall.metric, recall.k).mean for method in others(evaluation)}
    return max(scores, key=lambda method: scores[method], default=None)


def _outcome(differences: list[Difference], users: int) -> Outcome:
    if not differences:
        return "alone"
    if too_small(users):
        return "too few"
    if any(one.significant and one.mean < 0 for one in differences):
        return "loses"
    return "wins" if all(one.significant for one in differences) else "level"


def _versus(one: Difference) -> Versus:
    return Versus(method=one.method, mean=one.mean, low=one.low, high=one.high, p_adjusted=one.p_adjusted)
