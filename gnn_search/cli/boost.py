"""`gnn-search boost`: put the quality of products into the inner product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.console import Console

from gnn_search.cli.options import COUNT, PATH, graph_option, out_option, path_argument, seed_option
from gnn_search.cli.output import progress, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.evaluation.boosting.fit import BoostReport, Gain


@path_argument("model")
@click.option(
    "--quality",
    "qualities",
    multiple=True,
    required=True,
    metavar="NAME",
    help="popularity, recency, conversion, or a numeric column of the products or of --columns. May be given several times.",
)
@out_option()
@click.option("--columns", type=PATH, metavar="PATH", help="Further columns: parquet, CSV or JSON lines with product_id.")
@click.option("--metric", type=click.Choice(["recall", "ndcg"]), default="recall", show_default=True, help="What is maximised.")
@click.option("-k", "k", type=COUNT, default=10, show_default=True, help="Length of the lists.")
@click.option("--cases", type=COUNT, default=20_000, show_default=True, help="Most cases of each period.")
@click.option("--trials", type=COUNT, default=400, show_default=True, help="Weights tried for each action, about.")
@seed_option("Of samples, halves and trials.")
@graph_option
def run_boost(
    model: Path,
    qualities: tuple[str, ...],
    out: Path,
    columns: Path | None,
    metric: Literal["recall", "ndcg"],
    k: int,
    cases: int,
    trials: int,
    seed: int,
    graph: Path | None,
) -> BoostReport:
    """Fit a boost by product quality to a model's vectors.

    Products get their qualities as further dimensions and queries the matching weights, so any index of inner products ranks by both at
    no cost. Weights are fitted for each action on interactions of the validation period, and measured on other users and on the test
    period. Weights of zero are among those tried, so where nothing is gained, the report says so: do without a boost.

    \b
    Example:
      gnn-search boost demo/model --quality popularity --quality recency --out demo/boost
    """
    from gnn_search.evaluation.boosting.fit import FitSettings, fit_boost
    from gnn_search.index.boosting.boost import build_boost, save_boost
    from gnn_search.layout import refuse_existing
    from gnn_search.trained.model import open_model

    refuse_existing(out)
    opened = open_model(model, graph)
    plain = build_boost(opened.graph, list(qualities), columns)
    settings = FitSettings(metric=metric, k=k, cases=cases, trials=trials, seed=seed)
    with progress("trials") as bars:
        tasks = {action: bars.add_task(action, total=trials) for action in opened.graph.positive_actions}
        boost, report = fit_boost(
            opened, plain, settings, lambda action, done, total: bars.update(tasks[action], completed=done, total=total)
        )
    report = report.model_copy(update={"out": out})
    save_boost(out, boost, opened, report.model_dump(mode="json", exclude={"out"}))
    return report


def _render(console: Console, report: BoostReport) -> None:
    weights = make_table("dimension", *(f">{one.action}" for one in report.searches))
    for name in report.searches[0].weights:
        weights.add_row(name, *(f"{one.weights[name]:+.4f}" for one in report.searches))
    console.print(weights)
    gains = make_table("action", "cases", "metric", ">count", ">users", ">plain", ">boosted", ">gain", ">95 % interval")
    for gain in report.gains:
        gains.add_row(
            gain.action,
            gain.part,
            f"{gain.metric}@{gain.k}",
            f"{gain.cases:,}",
            f"{gain.users:,}",
            f"{gain.plain:.4f}",
            f"{gain.boosted:.4f}",
            f"{gain.gain:+.4f}",
            f"[{gain.low:+.4f}, {gain.high:+.4f}]",
        )
    console.print()
    console.print(gains)
    console.print()
    for gain in report.gains:
        if gain.part == "later" and f"{gain.metric}@{gain.k}" == report.objective:
            console.print(f"{gain.action}: {verdict(gain)}", soft_wrap=True)
    if report.timeless:
        console.print(f"Columns without a time: {', '.join(report.timeless)}; check that they were known before validation began.")
    cut_offs = f"fitted as of {report.fitted_as_of:%Y-%m-%d %H:%M}, qualities as of {report.as_of:%Y-%m-%d %H:%M} UTC"
    console.print(f"{report.out}: {report.objective} {cut_offs}", soft_wrap=True)


def verdict(gain: Gain) -> str:
    """Say in a sentence what a boost earns in the later period."""
    if gain.low > 0:
        return f"the boost earns {gain.gain:+.4f} of {gain.plain:.4f} in the later period"
    if gain.high < 0:
        return f"the boost costs {gain.gain:+.4f} of {gain.plain:.4f} in the later period; do without it"
    return f"the later period shows no gain: {gain.gain:+.4f}, and zero lies within the interval; do without it"


command = reporting(run_boost, _render)
