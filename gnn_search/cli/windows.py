"""`gnn-search windows`: a summary of evaluations of several windows of time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.options import PATH, runs_argument
from gnn_search.cli.output import reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.evaluation.windows import DifferenceSpread, Spread, WindowSummary

_METHODS = 4
"""Methods side by side in one table."""


@runs_argument
@click.option("--out", type=PATH, help="Also write the summary as JSON to this file.")
def run_windows(runs: tuple[Path, ...], out: Path | None) -> WindowSummary:
    """Show mean and spread over runs of several windows.

    RUN is a folder that evaluate --out wrote, one for each window of one recipe; build-graph --back makes the graphs of earlier windows.
    The intervals of one evaluation show how other users would change a figure, the spread between windows how another time would.

    \b
    Example:
      for n in 0 1 2; do
        gnn-search build-graph my_shop.yaml --data tables/ --out graph_$n --back $n
        gnn-search train complete_journey --graph graph_$n --out model_$n
        gnn-search evaluate model_$n --out run_$n
      done
      gnn-search windows run_?
    """
    from gnn_search.evaluation.run_folder import RunFolder
    from gnn_search.evaluation.windows import summarise_windows
    from gnn_search.layout import refuse_existing, write_json

    if out is not None:
        refuse_existing(out)
    summary = summarise_windows({str(path): RunFolder.open(path).evaluation for path in runs})
    if out is not None:
        write_json(out, summary.model_dump(mode="json"))
    return summary


def _render(console: Console, summary: WindowSummary) -> None:
    from gnn_search.evaluation.significance import FEWEST_USERS
    from gnn_search.graph.store import to_datetime

    starts = ", ".join(f"{to_datetime(time):%Y-%m-%d %H:%M}" for time in summary.times)
    console.print(f"{len(summary.times)} windows of {summary.graph}, with {_counts(summary.cases)} cases, which start at {starts} UTC")
    cut = min(summary.k)
    console.print(_measures(summary))
    scores = {(one.method, one.slice): one for one in summary.scores if (one.metric, one.k) == ("recall", cut)}
    _by_slice(console, summary, f"recall@{cut} by slice: mean over the windows ± standard deviation", scores)
    if summary.reference is not None:
        differences = {(one.method, one.slice): one for one in summary.differences if (one.metric, one.k) == ("recall", cut)}
        title = f"{summary.reference} minus each method, recall@{cut}; in how many windows its interval lies above ▲ and below ▼ zero"
        _by_slice(console, summary, title, differences)
    console.print(f"(few): a window has fewer than {FEWEST_USERS} users in the slice.", soft_wrap=True)


def _measures(summary: WindowSummary) -> Table:
    first = summary.slices[0]
    found = {(one.method, one.metric, one.k): one for one in summary.scores if one.slice == first}
    measures = list(dict.fromkeys((metric, k) for _, metric, k in found))
    title = f"{first}: mean over the windows ± standard deviation, and their range"
    table = make_table("method", *(f">{metric}@{k}" for metric, k in measures), title=title)
    for method in summary.methods:
        row = [found[method, metric, k] for metric, k in measures]
        table.add_row(method, *(f"{_short(one)}\n{one.low:.3f} to {one.high:.3f}" for one in row))
    return table


def _by_slice(
    console: Console, summary: WindowSummary, title: str, found: dict[tuple[str, str], Spread] | dict[tuple[str, str], DifferenceSpread]
) -> None:
    from gnn_search.evaluation.significance import too_small

    methods = [method for method in summary.methods if (method, summary.slices[0]) in found]
    for start in range(0, len(methods), _METHODS):
        shown = methods[start : start + _METHODS]
        table = make_table("slice", ">cases", *(f">{method}" for method in shown), title=title)
        for column in table.columns[2:]:
            column.overflow, column.max_width = "fold", 22
        for name in summary.slices:
            row = [found[method, name] for method in shown]
            few = " (few)" if too_small(min(row[0].users)) else ""
            table.add_row(name, _counts(row[0].cases) + few, *(_cell(one) for one in row))
        console.print(table)


def _cell(one: Spread | DifferenceSpread) -> str:
    from gnn_search.evaluation.windows import DifferenceSpread

    if isinstance(one, DifferenceSpread):
        return f"{one.mean:+.3f} ±{one.deviation:.3f} {one.better}▲{one.worse}▼"
    return _short(one)


def _short(one: Spread) -> str:
    return f"{one.mean:.3f} ±{one.deviation:.3f}"


def _counts(cases: tuple[int, ...]) -> str:
    return f"{min(cases):,} to {max(cases):,}"


command = reporting(run_windows, _render)
