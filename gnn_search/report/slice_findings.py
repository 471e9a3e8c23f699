"""Where the model wins and where it does not, slice by slice, in figures and in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.metrics.measure import Measure
from gnn_search.evaluation.result import Difference, Evaluation, Score, score_or_none
from gnn_search.evaluation.significance import too_small
from gnn_search.report.methods import others, subject, without_user
from gnn_search.report.wording import listed, points

Outcome = Literal["wins", "level", "loses", "too few", "alone"]

_NAMED = 5
"""Slices that a sentence names, at most."""
_WORDS = {
    "all": "every case",
    "repeat": "products with which the user had interacted before the period",
    "first-time": "products that are new to the user",
    "new product": "products without an interaction before the period",
    "tail product": "the least popular products, which share a third of the interactions before the period",
    "new query": "cold queries: those that nobody had issued before the period",
    "tail query": "the rarest queries, which share a third of the interactions before the period",
    "torso query": "queries between head and tail",
    "head query": "the most frequent queries, which share a third of the interactions before the period",
    "query does not name its category": "queries that share no word with the category path of the relevant product",
    "misspelt query": "queries with a word that no product or earlier query holds, one edit from one that they do",
    "1 word": "queries of one word",
    "2 words": "queries of two words",
    "3 words": "queries of three words",
    "4 words or more": "queries of four words or more",
    "anonymous": "cases without a known user",
    "new user": "users without an interaction before the period",
    "light user": "the least active users, who share a third of the interactions before the period",
    "heavy user": "the most active users, who share a third; those between light and heavy have no slice",
    "held-out user": "users held out of training",
    "held-out product": "products held out of training",
}
_CATEGORY = "category: "


class SliceFinding(StrictModel):
    """One slice.

    Attributes:
        outcome: Whether the model is significantly better than each other method there (wins), significantly worse than one (loses), or
            neither (level); `too few` where there are too few users to say, `alone` where there is no other method.
        strongest: The model minus the other method with the highest recall in this slice.
        bars: Scores of the model, the model without the user, and the other method that is strongest over all cases.
    """

    name: str
    cases: int
    users: int
    outcome: Outcome
    strongest: Difference | None
    bars: tuple[Score, ...]


def find_slices(evaluation: Evaluation) -> tuple[SliceFinding, ...]:
    """Compare the model with the others in every slice by recall at the first cut-off; the first slice is all cases."""
    return tuple(find_slice(evaluation, name) for name in evaluation.slices)


def find_slice(evaluation: Evaluation, name: str) -> SliceFinding:
    """Compare the model with the others in one slice."""
    model, recall = subject(evaluation), headline(evaluation)
    own = evaluation.score(model, name, recall.metric, recall.k)
    rival = strongest_other(evaluation, evaluation.slices[0])
    best = strongest_other(evaluation, name)
    differences = [headline_difference(evaluation, method, name) for method in others(evaluation)]
    shown = [method for method in (model, without_user(evaluation), rival) if method is not None]
    scores = [score_or_none(evaluation.score, method, name, recall.metric, recall.k) for method in shown]
    return SliceFinding(
        name=name,
        cases=own.cases,
        users=own.users,
        outcome=_outcome(differences, own.users),
        strongest=None if best is None else headline_difference(evaluation, best, name),
        bars=tuple(score for score in scores if score is not None),
    )


def headline(evaluation: Evaluation) -> Measure:
    """Return the measure by which slices are tested."""
    return Measure("recall", min(evaluation.k))


def headline_difference(evaluation: Evaluation, method: str, name: str) -> Difference:
    """Return the model minus another method in a slice by that measure."""
    recall = headline(evaluation)
    return evaluation.difference(method, name, recall.metric, recall.k)


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


def for_whom(parts: Sequence[SliceFinding]) -> str:
    """Name the slices in which the model is significantly better than every other method."""
    tested = [part for part in parts if part.outcome not in ("too few", "alone")]
    won = sorted((part for part in tested if part.outcome == "wins"), key=_gain, reverse=True)
    if not won:
        return "In no slice with enough users is it significantly better than every other method."
    most = [f"{part.name} ({_interval(part.strongest)} against {part.strongest.method})" for part in won[:_NAMED] if part.strongest]
    return (
        f"In {len(won)} of {len(tested)} slices with enough users it is significantly better than every other method; most in "
        f"{listed(most)}."
    )


def for_whom_not(parts: Sequence[SliceFinding]) -> str:
    """Name the slices in which it is worse, behind or ahead without proof, and those with too few users."""
    sentences = [
        f"{words}: {_named(sorted(found, key=_gain))}."
        for words, found in (
            ("Significantly worse than another method", [part for part in parts if part.outcome == "loses"]),
            ("Behind, but not proven", [part for part in parts if part.outcome == "level" and _gain(part) < 0]),
            (
                "Ahead, but not proven, as the tests are corrected for their number",
                [part for part in parts if part.outcome == "level" and _gain(part) >= 0],
            ),
            ("Too few users to say", [part for part in parts if part.outcome == "too few"]),
        )
        if found
    ]
    return " ".join(sentences) or "It wins in every slice."


def _named(parts: Sequence[SliceFinding]) -> str:
    names = [f"{part.name} ({_interval(part.strongest)})" if part.strongest else part.name for part in parts[:_NAMED]]
    return listed(names) if len(parts) <= _NAMED else f"{', '.join(names)}, and {len(parts) - _NAMED} more"


def _interval(one: Difference) -> str:
    return f"{points(one.mean)} points, {points(one.low)} to {points(one.high)}"


def _gain(part: SliceFinding) -> float:
    return 0.0 if part.strongest is None else part.strongest.mean


def slice_words(names: Iterable[str]) -> dict[str, str]:
    """Describe slices: top categories together, unknown names as what the shop declared."""
    described: dict[str, str] = {}
    for name in names:
        if name.startswith(_CATEGORY):
            described["category: …"] = "products of one of the top categories with the most interactions"
        else:
            described[name] = _WORDS.get(name, "as the shop's recipe says: a value of a label, or a slice that it declares")
    return described
