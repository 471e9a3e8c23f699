"""Show a study as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from gnn_search.console_table import make_table
from gnn_search.studies.measuring import CHANNELS
from gnn_search.studies.result import NegativesReport, StudyDifference, StudyReport

_ABOVE, _BELOW = "▲", "▼"


def study_tables(report: StudyReport) -> list[Table]:
    """Return the tables of a study's report."""
    return _negatives_tables(report) if isinstance(report, NegativesReport) else _ablation_tables(report)


def _ablation_tables(report: StudyReport) -> list[Table]:
    """Return recalls and differences to the base, and what was skipped."""
    made = [_recalls(report, "variant", CHANNELS), _differences(report, "variant", ["reranked", "vector"])]
    if not report.skipped:
        return made
    skipped = make_table("variant", "reason", title="skipped")
    for one in report.skipped:
        skipped.add_row(one.name, one.reason)
    return [*made, skipped]


def _negatives_tables(report: NegativesReport) -> list[Table]:
    """Return recalls and differences, what each sampler costs and gets wrong, and what reaching a target takes."""
    made = [_recalls(report, "mix", ["reranked", "no user"])]
    made += [] if report.reference is None else [_differences(report, "mix", ["reranked"])]
    return [*made, _samplers(report), *(_targets(report, place) for place in range(len(report.targets)))]


def _recalls(report: StudyReport, what: str, channels: Sequence[str]) -> Table:
    first, last = min(report.k), max(report.k)
    seeds = len({run.seed for run in report.runs})
    headings = [what, *(f">R@{first}\n{channel}" for channel in channels), f">R@{last}\nreranked"]
    if report.reference is not None:
        headings.append(f">R@{first} reranked, difference\nto {report.reference}")
    title = f"{report.graph}: medians of {seeds} seeds, {report.study['split']} cases"
    table = make_table(*headings, ">training\nCPU s", title=title)
    for summary in report.summaries:
        cells: list[str | Text] = [_share(summary.recall(channel, first)) for channel in channels]
        cells.append(_share(summary.recall("reranked", last)))
        if report.reference is not None:
            cells.append(_difference(summary.difference("reranked", first)))
        table.add_row(summary.name, *cells, f"{summary.cpu_seconds:,.0f}")
    return table


def _differences(report: StudyReport, what: str, channels: Sequence[str]) -> Table:
    title = f"{what} minus {report.reference}: mean difference over the same cases of all seeds"
    columns = [(channel, cut) for channel in channels for cut in report.k]
    table = make_table(what, *(f">R@{cut}\n{channel}" for channel, cut in columns), title=title)
    table.caption = f"[95 % interval] over users; {_ABOVE} the whole interval lies above zero, {_BELOW} below."
    for summary in report.summaries:
        if summary.name != report.reference:
            table.add_row(summary.name, *(_difference(summary.difference(channel, cut)) for channel, cut in columns))
    return table


def _samplers(report: NegativesReport) -> Table:
    costs = (">mining\nCPU s", ">of it\nindices", ">CPU s\na million", ">share of\na step", ">positive later", ">of known queries")
    table = make_table("mix", "sampler", *costs, title="what the samplers cost, and how often they are wrong")
    table.caption = (
        "positive later: share of the negatives that are positive for the same query in the validation period; of known queries: among "
        "those whose query is in that period."
    )
    for mix in report.costs:
        for sampler in mix.samplers:
            table.add_row(
                mix.name,
                sampler.kind,
                f"{sampler.drawing_cpu_seconds + sampler.index_cpu_seconds:,.2f}",
                f"{sampler.index_cpu_seconds:,.2f}",
                f"{sampler.cpu_seconds_per_million:,.2f}",
                f"{sampler.share_of_step:.2%}",
                f"{sampler.false_negatives:.3%}",
                f"{sampler.false_negatives_known:.3%}",
            )
    return table


def _targets(report: NegativesReport, place: int) -> Table:
    target = report.targets[place]
    low, high = min(target.recalls.values()), max(target.recalls.values())
    meant = _share(low) if low == high else f"{_share(low)} to {_share(high)} by seed"
    title = f"to validation Recall@10 of {meant} ({target.name})"
    table = make_table("mix", ">best", ">steps", ">seconds", ">CPU s", ">seeds that\nreached it", title=title)
    seeds = len(target.recalls)
    for mix in report.costs:
        reached = mix.reached[place]
        costs = ["-" if value is None else f"{value:,.0f}" for value in (reached.steps, reached.seconds, reached.cpu_seconds)]
        table.add_row(mix.name, _share(mix.best_validation), *costs, f"{reached.seeds} of {seeds}")
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}".removeprefix("0")


def _difference(difference: StudyDifference | None) -> Text:
    if difference is None:
        return Text("")
    mark, style = (_ABOVE, "green") if difference.low > 0 else (_BELOW, "red") if difference.high < 0 else (" ", "")
    mean, low, high = (f"{value:+.3f}".replace("0.", ".") for value in (difference.mean, difference.low, difference.high))
    return Text(f"{mean} [{low}, {high}]{mark}", style=style)
