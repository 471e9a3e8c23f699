"""Show a study as tables."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from gnn_search.studies.result import NegativesReport, Reached, StudyDifference, StudyReport

_ABOVE, _BELOW = "▲", "▼"


def ablation_tables(report: StudyReport) -> list[Table]:
    """Return the table of variants: recalls, differences to the base, costs; and what was skipped."""
    table = _recalls(report, "variant", ["full", "vectors", "walk", "no user"])
    if not report.skipped:
        return [table]
    skipped = Table(title="skipped", title_justify="left")
    skipped.add_column("variant")
    skipped.add_column("reason")
    for one in report.skipped:
        skipped.add_row(one.name, one.reason)
    return [table, skipped]


def negatives_tables(report: NegativesReport) -> list[Table]:
    """Return the tables of mixes: recalls and differences, what each sampler costs and gets wrong, and what reaching a target takes."""
    targets = [_targets(report, place) for place in range(len(report.targets))]
    return [_recalls(report, "mix", ["full", "no user"]), _samplers(report), *targets]


def _recalls(report: StudyReport, what: str, ways: list[str]) -> Table:
    first, last = min(report.k), max(report.k)
    seeds = len({run.seed for run in report.runs})
    title = f"{report.graph}: medians of {seeds} seeds, {report.study['split']} cases"
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column(what)
    for way in ways:
        table.add_column(f"R@{first}\n{way}", justify="right")
    table.add_column(f"R@{last}\nfull", justify="right")
    if report.reference is not None:
        for cut in report.k:
            table.add_column(f"R@{cut} full\nto {report.reference}", justify="right")
        if "vectors" in ways:
            table.add_column(f"R@{first} vectors\nto {report.reference}", justify="right")
        table.caption = f"[95 % interval] over shoppers; {_ABOVE} the whole interval lies above zero, {_BELOW} below."
    table.add_column("training\nCPU s", justify="right")
    for summary in report.summaries:
        cells: list[str | Text] = [_share(summary.recall(way, first)) for way in ways]
        cells.append(_share(summary.recall("full", last)))
        if report.reference is not None:
            cells += [_difference(summary.difference("full", cut)) for cut in report.k]
            cells += [_difference(summary.difference("vectors", first))] if "vectors" in ways else []
        table.add_row(summary.name, *cells, f"{summary.cpu_seconds:,.0f}")
    return table


def _samplers(report: NegativesReport) -> Table:
    table = Table(title="what the samplers cost, and how often they are wrong", title_justify="left", caption_justify="left")
    table.add_column("mix")
    table.add_column("sampler")
    for heading in ("mining\nCPU s", "of it\nindices", "CPU s\na million", "share of\na step", "chosen later", "where asked"):
        table.add_column(heading, justify="right")
    table.caption = (
        "chosen later: share of taught negatives that anyone chose for the same query in the validation period; where asked: of those "
        "whose query came up there."
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
                f"{sampler.false_negatives_asked:.3%}",
            )
    return table


def _targets(report: NegativesReport, place: int) -> Table:
    target = report.targets[place]
    low, high = min(target.recalls.values()), max(target.recalls.values())
    meant = _share(low) if low == high else f"{_share(low)} to {_share(high)} by seed"
    table = Table(title=f"to validation Recall@10 of {meant} ({target.name})", title_justify="left")
    table.add_column("mix")
    for heading in ("best", "steps", "seconds", "CPU s", "seeds that\nreached it"):
        table.add_column(heading, justify="right")
    seeds = len(target.recalls)
    for mix in report.costs:
        table.add_row(mix.name, _share(mix.best_validation), *_cost_of(mix.reached[place], seeds))
    return table


def _cost_of(reached: Reached, seeds: int) -> list[str]:
    values = [reached.steps, reached.seconds, reached.cpu_seconds]
    return [*("-" if value is None else f"{value:,.0f}" for value in values), f"{reached.seeds} of {seeds}"]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}".removeprefix("0")


def _difference(difference: StudyDifference | None) -> Text:
    if difference is None:
        return Text("")
    mark, style = (_ABOVE, "green") if difference.low > 0 else (_BELOW, "red") if difference.high < 0 else (" ", "")
    mean, low, high = (f"{value:+.3f}".replace("0.", ".") for value in (difference.mean, difference.low, difference.high))
    return Text(f"{mean} [{low}, {high}]{mark}", style=style)
