"""`gnn-search compare`: methods of runs beside each other, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import COUNT, resamples_option, runs_argument, seed_option
from gnn_search.cli.output import reporting

if TYPE_CHECKING:
    from gnn_search.evaluation.result import Comparison


@runs_argument
@click.option(
    "--method", "methods", multiple=True, metavar="NAME", help="Method to take from every run; may be repeated.  [default: gnn-search]"
)
@click.option("--metric", default="recall", show_default=True, help="Metric by which wins are counted and slices compared.")
@click.option("-k", type=COUNT, help="Its cut-off.  [default: the smallest of the runs]")
@click.option("--top", type=click.IntRange(min=0), default=3, show_default=True, help="Number of largest changes to show, each way.")
@resamples_option
@seed_option("Seed of resamples and tests.")
def run_comparison(
    runs: tuple[Path, ...], methods: tuple[str, ...], metric: str, k: int | None, top: int, n_resamples: int, seed: int
) -> Comparison:
    """Compare runs of evaluate case by case.

    RUN is a folder that evaluate --out wrote; all must be of the same cases. Given several runs, it compares the model of each; given one,
    all its methods, unless --method names others. Letters mark who beats whom significantly; then come wins and losses by case, slices, and
    the cases with the largest changes, with both lists. Later runs are compared with the first: a plus means that the later one is better.

    \b
    Example:
      gnn-search compare runs/old runs/new
      gnn-search compare runs/new --method gnn-search --method recent_history --metric ndcg
    """
    from gnn_search.evaluation.compare import compare
    from gnn_search.evaluation.run_folder import RunFolder

    return compare([RunFolder.open(run) for run in runs], methods, metric, k, top, n_resamples, seed)


def _render(console: Console, comparison: Comparison) -> None:
    from gnn_search.evaluation.comparison_table import render_comparison

    console.print(render_comparison(comparison))


command = reporting(run_comparison, _render)
