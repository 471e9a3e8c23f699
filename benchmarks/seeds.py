"""Put evaluations of one configuration under several seeds together: medians, and the widest intervals.

A method that only some evaluations have, such as a rival, counts over those.

Example:
    for seed in 0 1 2; do
      gnn-search train complete_journey --graph demo/graph --out demo/model_$seed --seed $seed
      gnn-search evaluate demo/model_$seed --out demo/evaluation_$seed
    done
    python -m benchmarks.seeds demo/evaluation_? --out benchmarks/results/complete_journey.json
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.options import PATH
from gnn_search.errors import ArtefactError
from gnn_search.evaluation.result import Evaluation, Score
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.layout import write_json

_DIGITS = 6
_COLUMNS = 6
"""Slices side by side in one table."""


@click.command()
@click.argument("runs", type=PATH, nargs=-1, required=True)
@click.option("--out", type=PATH, default=None, help="Write the medians as JSON to this file.")
def command(runs: tuple[Path, ...], out: Path | None) -> None:
    """Show the medians of runs over the same cases."""
    found = [_read(path) for path in runs]
    for path, run in zip(runs, found, strict=True):
        for what in ("graph_hash", "time", "cases", "k", "slices", "reference"):
            if getattr(run, what) != getattr(found[0], what):
                raise click.UsageError(f"{path} has another {what} than {runs[0]}; evaluate the same cases of the same graph")
    result = {
        "graph": found[0].graph,
        "cases": found[0].cases,
        "users": found[0].users,
        "candidates": found[0].candidates,
        "runs": len(found),
        "reference": found[0].reference,
        "scores": list(_medians([run.scores for run in found])),
        "differences": list(_medians([run.differences for run in found])),
    }
    _show(found[0], result)
    if out is not None:
        write_json(out, result)


def _read(path: Path) -> Evaluation:
    try:
        return RunFolder.open(path).evaluation
    except ArtefactError as error:
        raise click.UsageError(str(error)) from None


def _medians(runs: Sequence[Sequence[Score]]) -> Iterator[dict[str, Any]]:
    found = [{(one.method, one.slice, one.metric, one.k): one for one in run} for run in runs]
    for key in dict.fromkeys(key for run in found for key in run):
        same = [run[key] for run in found if key in run]
        yield {
            "method": key[0],
            "slice": key[1],
            "metric": key[2],
            "k": key[3],
            "cases": same[0].cases,
            "median": round(statistics.median(one.mean for one in same), _DIGITS),
            "runs": [round(one.mean, _DIGITS) for one in same],
            "half_width": round(max((one.high - one.low) / 2 for one in same), _DIGITS),
            "low": round(min(one.low for one in same), _DIGITS),
            "high": round(max(one.high for one in same), _DIGITS),
        }


def _show(run: Evaluation, result: dict[str, Any]) -> None:
    console = Console()
    shown = [(name, run.k[0]) for name in run.slices] + [("all", cut) for cut in run.k[1:]]
    for title, key in (("recall", "scores"), (f"recall of {run.reference} minus that of", "differences")):
        cells = {(one["method"], one["slice"], one["k"]): one for one in result[key] if one["metric"] == "recall"}
        of_scores = key == "scores"
        spread = "± half the widest interval" if of_scores else "[lowest, highest end of an interval]"
        for start in range(0, len(shown), _COLUMNS):
            part = shown[start : start + _COLUMNS]
            table = Table(title=f"{title}: median over the seeds, {spread}", title_justify="left")
            table.add_column("method")
            table.add_column("seeds", justify="right")
            for name, cut in part:
                table.add_column(f"{name} @{cut}", justify="right")
            for method in dict.fromkeys(one["method"] for one in result[key]):
                seeds = len(cells[method, *shown[0]]["runs"])
                table.add_row(method, str(seeds), *(_cell(cells.get((method, name, cut)), of_scores) for name, cut in part))
            console.print(table)


def _cell(found: dict[str, Any] | None, of_scores: bool) -> str:
    if found is None:
        return ""
    if of_scores:
        return f"{found['median']:.3f} ±{found['half_width']:.3f}"
    return f"{found['median']:+.3f}\n[{found['low']:+.3f}, {found['high']:+.3f}]"


if __name__ == "__main__":
    command()
