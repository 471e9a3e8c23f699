"""`gnn-search report`: the results of a run on one page, for readers who do not know the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from gnn_search.cli.options import PATH, graph_option, out_option, runs_argument
from gnn_search.cli.output import reporting
from gnn_search.errors import RequestError


@runs_argument
@out_option("The page, NAME.html; its figures also go into NAME.json beside it.")
@click.option("--model", type=PATH, metavar="PATH", help="The run's model, where it was moved.")
@click.option("--index", "indices", type=PATH, multiple=True, metavar="PATH", help="Show this index of the model too; may be repeated.")
@graph_option
def run_report(runs: tuple[Path, ...], out: Path, model: Path | None, indices: tuple[Path, ...], graph: Path | None) -> dict[str, Any]:
    """Write the results of a run as one HTML page.

    RUN is a folder that evaluate --out wrote. The page needs no network and no server: verdict, data, audit, all methods with intervals,
    slices, training, negatives, costs, a map of the products, example searches, and how to reproduce it. Given several runs of the
    same cases, it shows the last and compares it with the earlier ones. It opens the run's model and graph too. Needs the extra
    'report'.

    \b
    Example:
      gnn-search report demo/evaluation --out demo/report.html
      gnn-search report runs/old runs/new --out report.html
      gnn-search report demo/evaluation --index demo/index --out demo/report.html
    """
    if out.suffix != ".html":
        raise RequestError(f"expected a name that ends in .html for the page, got {out}; its figures go beside it as .json")
    from gnn_search.evaluation.run_folder import RunFolder
    from gnn_search.layout import refuse_existing, staged
    from gnn_search.report.render import render_report, require_extra
    from gnn_search.report.report import make_report

    figures = out.with_suffix(".json")
    for target in (out, figures):
        refuse_existing(target)
    require_extra()
    report = make_report([RunFolder.open(run) for run in runs], out, model, graph, indices)
    page = render_report(report, figures.name)
    for target, text in ((figures, report.model_dump_json(indent=2) + "\n"), (out, page)):
        with staged(target) as partial:
            partial.write_text(text, encoding="utf-8")
    return {"page": str(out), "bytes": out.stat().st_size, "figures": str(figures), "verdict": report.verdict.sentence}


def _render(console: Console, summary: dict[str, Any]) -> None:
    console.print(f"{summary['page']}: {summary['bytes'] / 1e6:.1f} MB, its figures in {summary['figures']}", soft_wrap=True)
    console.print(summary["verdict"], soft_wrap=True)


command = reporting(run_report, _render)
