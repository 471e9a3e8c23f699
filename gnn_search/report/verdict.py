"""The answer in plain sentences: is it better, than what, by how much, for whom, for whom not, can I trust it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gnn_search.audit.check import SEVERITIES, AuditReport
from gnn_search.audit.queries import NAMED_QUERIES
from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Comparison, Evaluation
from gnn_search.report.data_card import DataCard
from gnn_search.report.methods import describe_method, others, subject, without_user
from gnn_search.report.new_words import describe_new_words
from gnn_search.report.search_speed import SearchSpeed
from gnn_search.report.slice_findings import SliceFinding, for_whom, for_whom_not, headline, headline_difference, strongest_other
from gnn_search.report.wording import listed, p_value, percent, points


class Answer(StrictModel):
    """A question that a reader has, and the answer."""

    question: str
    answer: str


class Verdict(StrictModel):
    """What the run shows.

    Attributes:
        outcome: The model against every other method, over all cases: better than each, worse than one, or neither.
    """

    outcome: Literal["better", "level", "worse", "alone"]
    sentence: str
    answers: tuple[Answer, ...]


def reach_verdict(
    evaluation: Evaluation,
    slices: Sequence[SliceFinding],
    data: DataCard,
    audit: AuditReport,
    speed: SearchSpeed,
    comparison: Comparison | None = None,
) -> Verdict:
    """Answer the questions from what was measured."""
    outcome, sentence = _overall(evaluation, slices[0])
    answers = [
        Answer(question="Than what?", answer=_than_what(evaluation)),
        Answer(question="By how much?", answer=_how_much(evaluation, slices[0])),
        Answer(question="On new words?", answer=describe_new_words(evaluation)),
        Answer(question="On which data?", answer=_on_what(data, audit)),
        Answer(question="For whom?", answer=for_whom(slices[1:])),
        Answer(question="For whom not?", answer=for_whom_not(slices[1:])),
        *_personal(evaluation, slices),
        *([] if comparison is None else [_earlier_runs(comparison)]),
        Answer(question="What does it cost?", answer=_cost(evaluation, slices[0], speed)),
        Answer(question="Can I trust it?", answer=_trust(evaluation, audit)),
    ]
    return Verdict(outcome=outcome, sentence=sentence, answers=tuple(answers))


def _overall(evaluation: Evaluation, everything: SliceFinding) -> tuple[Literal["better", "level", "worse", "alone"], str]:
    model, k, best = subject(evaluation), headline(evaluation).k, everything.strongest
    own = everything.bars[0].mean
    where = f"over {evaluation.cases:,} cases of {evaluation.users:,} users"
    found = f"{model} has a recall of {percent(own)} within the first {k} products, {where}"
    if best is None:
        return "alone", f"Nothing to compare with: {found}, but no other method was measured."
    against = f"the strongest other method, {best.method}, {percent(own - best.mean)}"
    if everything.outcome == "wins":
        return "better", f"Yes, it is better: {found}; {against}."
    if everything.outcome == "loses":
        return "worse", f"No, it is not better: {found}; {against}."
    reason = "there are too few users to say" if everything.outcome == "too few" else "the difference may be chance"
    return "level", f"Undecided: {found}; {against}, and {reason}."


def _than_what(evaluation: Evaluation) -> str:
    compared = [headline_difference(evaluation, name, evaluation.slices[0]) for name in others(evaluation)]
    if not compared:
        return "Nothing else was measured."
    parts = [
        ("Significantly better than", [one.method for one in compared if one.significant and one.mean > 0]),
        ("significantly worse than", [one.method for one in compared if one.significant and one.mean < 0]),
        ("not significantly different from", [one.method for one in compared if not one.significant]),
    ]
    sentence = "; ".join(f"{words} {listed(names)}" for words, names in parts if names)
    best = strongest_other(evaluation, evaluation.slices[0])
    assert best is not None
    return f"{sentence[0].upper()}{sentence[1:]}. {best}, the strongest of them, ranks by {describe_method(evaluation, best)}."


def _how_much(evaluation: Evaluation, everything: SliceFinding) -> str:
    best = everything.strongest
    if best is None:
        return "There is no other method to compare with."
    chance = "" if best.p_adjusted is None else f"; {p_value(best.p_adjusted)} after Holm's correction"
    least = ""
    if best.detectable is not None:
        least = f" A true difference of {100 * best.detectable:.1f} points would show on these cases four times in five."
    interval = f"95 % interval {points(best.low)} to {points(best.high)}"
    theirs = everything.bars[0].mean - best.mean
    relative = f", {100 * best.mean / theirs:+.1f} % of its own" if theirs > 0 else ""
    return f"{points(best.mean)} percentage points of {headline(evaluation)} against {best.method}{relative} ({interval}{chance}).{least}"


def _on_what(data: DataCard, audit: AuditReport) -> str:
    """Describe the data, and what the audit warns of."""
    sentences = [data.description] if data.description else []
    sentences += [finding.meaning for finding in audit.of("warning")]
    sentences += [finding.meaning for finding in audit.of("note") if finding.check == NAMED_QUERIES]
    return " ".join(sentences) or "The recipe does not describe the data, and the audit warns of nothing."


def _personal(evaluation: Evaluation, slices: Sequence[SliceFinding]) -> list[Answer]:
    plain = without_user(evaluation)
    if plain is None:
        return []
    recall = headline(evaluation)
    one = headline_difference(evaluation, plain, slices[0].name)
    words = "significant" if one.significant else "which may be chance"
    answer = f"Knowing the user adds {points(one.mean)} points of {recall} ({points(one.low)} to {points(one.high)}), {words}."
    parts = [
        f"{points(found.mean)} for {what} ({points(found.low)} to {points(found.high)})"
        for name, what in (("first-time", "products that are new to the user"), ("repeat", "those the user had before"))
        if any(part.name == name for part in slices)
        for found in [headline_difference(evaluation, plain, name)]
    ]
    if parts:
        answer += f" It is {listed(parts)}."
    return [Answer(question="Does it help to know the user?", answer=answer)]


def _earlier_runs(comparison: Comparison) -> Answer:
    last, first = comparison.entries[-1], comparison.slices[0]
    parts = []
    for entry in comparison.entries[:-1]:
        wanted = (last.mark, entry.mark, first, comparison.metric, comparison.k)
        one = next(one for one in comparison.differences if (one.reference, one.method, one.slice, one.metric, one.k) == wanted)
        word = "not significantly different" if not one.significant else "significantly better" if one.mean > 0 else "significantly worse"
        parts.append(f"{points(one.mean)} points against {entry.run} ({points(one.low)} to {points(one.high)}), {word}")
    return Answer(question="Better than the earlier runs?", answer=f"{'; '.join(parts)}.")


def _cost(evaluation: Evaluation, everything: SliceFinding, speed: SearchSpeed) -> str:
    costs = {one.method: one for one in speed.methods}
    own = costs[subject(evaluation)]
    sentences = [
        f"{speed.single.median_ms:.1f} ms for one search ({speed.single.p95_ms:.1f} ms or less in 95 of 100), on {speed.processor}, "
        f"{speed.threads} thread{'s' if speed.threads > 1 else ''}; in large batches {own.cpu_ms:.2g} ms of CPU a list"
    ]
    best = everything.strongest
    if best is not None:
        sentences.append(f"{best.method} takes {costs[best.method].cpu_ms:.2g}")
    return f"{', where '.join(sentences)}. The cost of training is below."


def _trust(evaluation: Evaluation, audit: AuditReport) -> str:
    sentences = [
        f"Every list is ranked from all {evaluation.candidates:,} products, no method saw anything from the start of the period on, and "
        f"intervals and tests are over users ({evaluation.n_resamples:,} resamples)."
    ]
    errors, warnings, notes = (list(dict.fromkeys(finding.check for finding in audit.of(severity))) for severity in SEVERITIES)
    looked = len(audit.clean) + len({finding.check for finding in audit.findings})
    if errors:
        sentences.append(f"But the audit found an error in {listed(errors)}: the figures are wrong until that is fixed.")
    else:
        rest = [f"{name} in {listed(checks)}" for name, checks in (("a warning", warnings), ("a note", notes)) if checks]
        sentences.append(f"{', '.join([f'{looked} checks for leaks and faults found no error', *rest])}; see below for what that means.")
    sentences.append("The model was trained once: the intervals show how other users would change the figures, not how another seed would.")
    return " ".join(sentences)
