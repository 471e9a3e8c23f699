"""The answer in plain sentences: is it better, than what, by how much, for whom, for whom not, can I trust it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gnn_search.audit.finding import SEVERITIES, AuditReport, Finding
from gnn_search.config.base import StrictModel
from gnn_search.evaluation.comparison import Comparison
from gnn_search.evaluation.result import Difference, Evaluation
from gnn_search.report.methods import in_words, others, subject, without_user
from gnn_search.report.slice_findings import SliceFinding, headline, strongest_other

_NAMED = 5
"""Slices that a sentence names, at most."""


class Answer(StrictModel):
    """A question that a reader has, and the answer."""

    question: str
    answer: str


class Verdict(StrictModel):
    """What the run shows.

    Attributes:
        outcome: The model against every other method, over all cases: better than each, worse than one, or neither.
        sentence: The same in one sentence.
        answers: To what a reader asks next.
    """

    outcome: Literal["better", "level", "worse", "alone"]
    sentence: str
    answers: tuple[Answer, ...]


def reach_verdict(
    evaluation: Evaluation, slices: Sequence[SliceFinding], audit: AuditReport, comparison: Comparison | None = None
) -> Verdict:
    """Answer the questions from what was measured.

    Args:
        evaluation: The run's.
        slices: As `find_slices` judged them.
        audit: Of its graph and model.
        comparison: With earlier runs, this one's model being the last entry.
    """
    outcome, sentence = _overall(evaluation, slices[0])
    answers = [
        Answer(question="Than what?", answer=_than_what(evaluation)),
        Answer(question="By how much?", answer=_how_much(evaluation, slices[0])),
        Answer(question="For whom?", answer=_for_whom(slices[1:])),
        Answer(question="For whom not?", answer=_for_whom_not(slices[1:])),
        *_personal(evaluation),
        *([] if comparison is None else [_earlier_runs(comparison)]),
        Answer(question="Can I trust it?", answer=_trust(evaluation, audit)),
    ]
    return Verdict(outcome=outcome, sentence=sentence, answers=tuple(answers))


def percent(value: float) -> str:
    """Return a share as a text.

    >>> percent(0.64849), percent(1.0)
    ('64.8 %', '100.0 %')
    """
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """Return a difference of shares in percentage points.

    >>> points(0.0387), points(-0.004), points(-0.0001)
    ('+3.9', '-0.4', '+0.0')
    """
    # Adding 0 takes the sign from a rounded nothing.
    return f"{round(100 * value, 1) + 0.0:+.1f}"


def p_value(value: float) -> str:
    """Return a p-value as a text.

    >>> p_value(0.04567), p_value(0.00001)
    ('p = 0.0457', 'p < 0.0001')
    """
    return f"p = {value:.4f}" if value >= 0.0001 else "p < 0.0001"


def _overall(evaluation: Evaluation, everything: SliceFinding) -> tuple[Literal["better", "level", "worse", "alone"], str]:
    model, k, best = subject(evaluation), headline(evaluation).k, everything.strongest
    own = everything.bars[0].mean
    where = f"over {evaluation.cases:,} cases of {evaluation.users:,} shoppers"
    found = f"{model} finds {percent(own)} of what shoppers then chose within the first {k} products, {where}"
    if best is None:
        return "alone", f"Nothing to compare with: {found}, but no other method was measured."
    against = f"the strongest other method, {best.method}, {percent(own - best.mean)}"
    if everything.outcome == "wins":
        return "better", f"Yes, it is better: {found}; {against}."
    if everything.outcome == "loses":
        return "worse", f"No, it is not better: {found}; {against}."
    reason = "the shoppers are too few to say" if everything.outcome == "too few" else "the difference may be chance"
    return "level", f"It can't be told: {found}; {against}, and {reason}."


def _differences(evaluation: Evaluation) -> list[Difference]:
    recall = headline(evaluation)
    return [evaluation.difference(name, evaluation.slices[0], recall.metric, recall.k) for name in others(evaluation)]


def _than_what(evaluation: Evaluation) -> str:
    told = _differences(evaluation)
    if not told:
        return "Nothing else was measured."
    parts = [
        ("Significantly better than", [one.method for one in told if one.significant and one.mean > 0]),
        ("significantly worse than", [one.method for one in told if one.significant and one.mean < 0]),
        ("not to be told from", [one.method for one in told if not one.significant]),
    ]
    sentence = "; ".join(f"{words} {_listed(names)}" for words, names in parts if names)
    best = strongest_other(evaluation, evaluation.slices[0])
    assert best is not None
    return f"{sentence[0].upper()}{sentence[1:]}. {best}, the strongest of them, ranks by this: {in_words(evaluation, best)}."


def _how_much(evaluation: Evaluation, everything: SliceFinding) -> str:
    best = everything.strongest
    if best is None:
        return "Without another method there is no difference to tell."
    chance = "" if best.p_adjusted is None else f"; {p_value(best.p_adjusted)} after Holm's correction"
    detectable = evaluation.difference(best.method, everything.name, "recall", headline(evaluation).k).detectable
    least = "" if detectable is None else f" A true difference of {100 * detectable:.1f} points would show in four of five tries."
    interval = f"95 % interval {points(best.low)} to {points(best.high)}"
    return f"{points(best.mean)} percentage points of {headline(evaluation)} against {best.method} ({interval}{chance}).{least}"


def _for_whom(parts: Sequence[SliceFinding]) -> str:
    judged = [part for part in parts if part.outcome not in ("too few", "alone")]
    won = sorted((part for part in judged if part.outcome == "wins"), key=_gain, reverse=True)
    if not won:
        return "In none of the slices that hold enough shoppers is it significantly better than every other method."
    return (
        f"In {len(won)} of {len(judged)} slices with enough shoppers it is significantly better than every other method; most in "
        f"{_listed([f'{part.name} ({points(_gain(part))} points)' for part in won[:_NAMED]])}."
    )


def _for_whom_not(parts: Sequence[SliceFinding]) -> str:
    told = []
    for outcome, words in (("loses", "Significantly worse than another method"), ("level", "No significant win")):
        found = sorted((part for part in parts if part.outcome == outcome), key=_gain)
        if found:
            names = [f"{part.name} ({points(_gain(part))} points)" for part in found[:_NAMED]]
            more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            told.append(f"{words}: {_listed(names) if not more else ', '.join(names) + more}.")
    few = [part.name for part in parts if part.outcome == "too few"]
    if few:
        told.append(f"Too few shoppers to say: {_listed(few)}.")
    return " ".join(told) or "There is no slice in which it does not win."


def _personal(evaluation: Evaluation) -> list[Answer]:
    plain = without_user(evaluation)
    if plain is None:
        return []
    recall = headline(evaluation)
    one = evaluation.difference(plain, evaluation.slices[0], recall.metric, recall.k)
    words = "significant" if one.significant else "which may be chance"
    answer = f"Knowing who asks is worth {points(one.mean)} points of {recall} ({points(one.low)} to {points(one.high)}), {words}."
    return [Answer(question="Does it help to know the shopper?", answer=answer)]


def _earlier_runs(comparison: Comparison) -> Answer:
    last, first = comparison.entries[-1], comparison.slices[0]
    told = []
    for entry in comparison.entries[:-1]:
        wanted = (last.mark, entry.mark, first, comparison.metric, comparison.k)
        one = next(one for one in comparison.differences if (one.reference, one.method, one.slice, one.metric, one.k) == wanted)
        word = "not told apart" if not one.significant else "significantly better" if one.mean > 0 else "significantly worse"
        told.append(f"{points(one.mean)} points against {entry.run} ({points(one.low)} to {points(one.high)}), {word}")
    return Answer(question="Better than the earlier runs?", answer=f"{'; '.join(told)}.")


def _trust(evaluation: Evaluation, audit: AuditReport) -> str:
    told = [
        f"Every list is drawn from all {evaluation.candidates:,} products, no method saw anything from the start of the period on, and "
        f"intervals and tests are over shoppers ({evaluation.draws:,} draws)."
    ]
    errors, warnings, notes = (_checks(audit.of(severity)) for severity in SEVERITIES)
    looked = len(audit.clean) + len({finding.check for finding in audit.findings})
    if errors:
        told.append(f"But the audit found an error in {_listed(errors)}: the figures are wrong until that is mended.")
    else:
        rest = [f"{name} in {_listed(checks)}" for name, checks in (("a warning", warnings), ("a note", notes)) if checks]
        told.append(f"{', '.join([f'{looked} checks for leaks and faults found no error', *rest])}; what that means stands below.")
    told.append("The model was trained once: the intervals tell what other shoppers would change, not what another seed would.")
    return " ".join(told)


def _gain(part: SliceFinding) -> float:
    return 0.0 if part.strongest is None else part.strongest.mean


def _checks(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.check for finding in findings))


def _listed(names: Sequence[str]) -> str:
    """Join names as in a sentence.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
