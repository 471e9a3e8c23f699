"""`gnn-search build-graph`: tables to a graph folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.inspect import print_summary
from gnn_search.cli.options import out_option, path_option
from gnn_search.cli.output import Meter, Usage, progress, reporting

if TYPE_CHECKING:
    from gnn_search.graph.describe import GraphSummary

_STAGES = 5
"""Stages that `build_graph` reports."""


@dataclass(frozen=True)
class BuildReport:
    """What `build-graph` says when it is done."""

    path: Path
    summary: GraphSummary
    usage: Usage


@click.argument("recipe")
@path_option("--data", "Folder that the recipe's table paths are relative to.")
@out_option("Graph folder to be made.")
@click.option("--back", type=click.IntRange(min=0), default=0, metavar="N", help="Build it as of N test lengths earlier.  [default: 0]")
def run_build(recipe: str, data: Path, out: Path, back: int = 0) -> BuildReport:
    """Build a graph folder from raw tables.

    RECIPE is the name of a recipe that comes with gnn-search (complete_journey, amazon_beauty) or the path of a YAML file. Rows that can't
    be used are counted by reason and written to rejects.parquet in the graph folder. With --back the cuts move back and later events are
    not read, so that a model can be measured in several periods; gnn-search windows sums these up.

    \b
    Example:
      gnn-search demo-shop --out tables/
      gnn-search build-graph complete_journey --data tables/ --out graph/
      gnn-search build-graph complete_journey --data tables/ --out graph_1/ --back 1
    """
    from gnn_search.config.recipe import Recipe
    from gnn_search.evaluation.case_table import case_schema
    from gnn_search.evaluation.slices import check_slices
    from gnn_search.graph.build import build_graph
    from gnn_search.graph.describe import summarise

    meter = Meter()
    settings = Recipe.load(recipe)
    check_slices(settings.slices, case_schema(settings))
    with progress("stages") as bars:
        task = bars.add_task("starting", total=_STAGES + 1)

        def show(stage: str) -> None:
            bars.update(task, description=stage, advance=1)

        graph = build_graph(settings, data, out, show, back)
    return BuildReport(path=out, summary=summarise(graph), usage=meter.read())


def _render(console: Console, report: BuildReport) -> None:
    print_summary(console, report.summary)
    console.print(f"Wrote {report.path} in {report.usage.in_words()}", soft_wrap=True)


command = reporting(run_build, _render)
