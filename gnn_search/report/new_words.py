"""How the model does on words that nobody typed before: the sentence of the first screen, and the tables."""

from __future__ import annotations

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Evaluation, Score, score_or_none
from gnn_search.evaluation.robustness.result import ALL_KINDS, MeanInterval, PerturbedResult, PerturbedScore, TypedResult, TypedScore
from gnn_search.report.methods import subject
from gnn_search.report.slice_findings import headline
from gnn_search.report.wording import percent

_NEW_QUERY = "new query"
_LEXICAL = ("bm25", "lexical")
"""Names of the method by words alone: a baseline, or after the model's name."""


class NewWordRow(StrictModel):
    """One method on one kind of new words; shares, none where there is nothing to measure.

    Attributes:
        first: Recall kept of perturbed queries, or good places of typed ones.
        before: Share of lists without a category of the query, before the change; none for typed queries.
        none: The same after the change, or share of typed queries without an accepted product.
    """

    method: str
    kind: str
    queries: int
    first: MeanInterval | None
    before: MeanInterval | None
    none: MeanInterval | None


class NewWordsPart(StrictModel):
    """What the page shows.

    Attributes:
        new_queries: Recall of each method on the cases whose query nobody had issued before; empty where there is none.
        examples: Kind, query and changed query.
    """

    k: int
    sentence: str
    new_queries: tuple[Score, ...]
    perturbed: tuple[NewWordRow, ...]
    examples: tuple[tuple[str, str, str], ...]
    typed: tuple[NewWordRow, ...]
    typed_in_log: int


def find_new_words(evaluation: Evaluation) -> NewWordsPart:
    """Gather what an evaluation says of new words."""
    recall = headline(evaluation)
    scores = [score_or_none(evaluation.score, method, _NEW_QUERY, recall.metric, recall.k) for method in evaluation.methods]
    perturbed, typed = evaluation.perturbed, evaluation.typed
    return NewWordsPart(
        k=recall.k,
        sentence=describe_new_words(evaluation),
        new_queries=tuple(score for score in scores if score is not None),
        perturbed=() if perturbed is None else tuple(_perturbed_row(score) for score in perturbed.scores),
        examples=() if perturbed is None else tuple((kind.kind, *pair) for kind in perturbed.kinds for pair in kind.examples[:1]),
        typed=() if typed is None else tuple(_typed_row(score) for score in typed.scores),
        typed_in_log=0 if typed is None else typed.in_log,
    )


def describe_new_words(evaluation: Evaluation) -> str:
    """Say in one sentence how the model does on new, changed and labelled queries, beside words alone."""
    model, lexical = subject(evaluation), _lexical(evaluation)
    parts = [
        *_of_new_queries(evaluation, model, lexical),
        *([] if evaluation.perturbed is None else _of_perturbed(evaluation.perturbed, model, lexical)),
        *([] if evaluation.typed is None else _of_typed(evaluation.typed, model, lexical)),
    ]
    if not parts:
        return "Nothing was measured: no query of the period is new, and none was changed or labelled."
    beside = "no method by words alone was measured" if lexical is None else f"in brackets {lexical}, words alone"
    return f"{'; '.join(parts)} ({beside})."


def _lexical(evaluation: Evaluation) -> str | None:
    names = (name for word in _LEXICAL for name in (word, f"{subject(evaluation)}, {word}"))
    return next((name for name in names if name in evaluation.methods), None)


def _of_new_queries(evaluation: Evaluation, model: str, lexical: str | None) -> list[str]:
    recall = headline(evaluation)
    own, other = (
        None if name is None else score_or_none(evaluation.score, name, _NEW_QUERY, recall.metric, recall.k) for name in (model, lexical)
    )
    if own is None:
        return ["No query of the period is new to the log"]
    beside = _beside(None if other is None else other.mean)
    return [f"{own.cases:,} cases have a query that nobody had issued before: there {recall} is {percent(own.mean)}{beside}"]


def _of_perturbed(found: PerturbedResult, model: str, lexical: str | None) -> list[str]:
    parts = []
    for kind in found.kinds:
        own, other = found.score(model, kind.kind), None if lexical is None else found.score(lexical, kind.kind)
        if own is not None and own.perturbed_none is not None:
            theirs = None if other is None or other.perturbed_none is None else other.perturbed_none.mean
            parts.append(f"{kind.kind} {percent(own.perturbed_none.mean)}{_beside(theirs)}")
    if not parts:
        return []
    return [f"after a small change of a query the first {found.k} hold none of its categories in this share of lists: {', '.join(parts)}"]


def _of_typed(found: TypedResult, model: str, lexical: str | None) -> list[str]:
    own, other = found.score(model), None if lexical is None else found.score(lexical)
    if own is None:
        return []
    good, none = ("", "") if other is None else (_beside(other.good.mean), _beside(other.none.mean))
    return [
        f"of {own.queries:,} typed queries {percent(own.none.mean)}{none} get no product that fits, and {percent(own.good.mean)}{good} of "
        f"the first {found.k} products fit"
    ]


def _beside(value: float | None) -> str:
    return "" if value is None else f" ({percent(value)})"


def _perturbed_row(score: PerturbedScore) -> NewWordRow:
    return NewWordRow(
        method=score.method, kind=score.kind, queries=score.cases, first=score.kept, before=score.none, none=score.perturbed_none
    )


def _typed_row(score: TypedScore) -> NewWordRow:
    kind = "all kinds" if score.kind == ALL_KINDS else score.kind
    return NewWordRow(method=score.method, kind=kind, queries=score.queries, first=score.good, before=None, none=score.none)
