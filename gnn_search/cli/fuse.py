"""`gnn-search fuse`: weights for a model's channels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import COUNT, graph_option, out_option, path_argument, seed_option
from gnn_search.cli.output import progress, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.evaluation.fusion_summary import FusionScore, FusionSummary


@path_argument("model")
@out_option()
@click.option(
    "--channel",
    "channels",
    type=click.Choice(["reranked", "graph", "vector", "lexical"]),
    multiple=True,
    help="Fuse this channel; may be repeated.  [default: all four]",
)
@click.option("--cases", type=COUNT, default=6000, show_default=True, metavar="N", help="Validation cases to fit on.")
@seed_option("Seed of their draw.")
@graph_option
def run_fusion(model: Path, out: Path, channels: tuple[str, ...], cases: int, seed: int, graph: Path | None) -> FusionSummary:
    """Fit weights that fuse vectors, candidates and words.

    The channel reranked and its three parts give their 200 best products each; a weighted sum of scores and ranks orders what any of them
    found. The weights are fitted on validation cases. As the reranker was fitted on this period too, it is fitted anew on either half of
    the users here and ranks for the other half; the table shows users that nothing was fitted on. retrieve, search and evaluate take
    the folder by --fusion.

    \b
    Example:
      gnn-search fuse demo/model --out demo/fusion
      gnn-search search demo/model "frozen pizza" --channel fused --fusion demo/fusion
    """
    from gnn_search.evaluation.fusion_summary import summarise_fusion
    from gnn_search.layout import refuse_existing
    from gnn_search.retrieval.fusion.fit import STAGES, fit_fusion
    from gnn_search.retrieval.fusion.store import save_fusion
    from gnn_search.retrieval.rankers.fused import DEPTH
    from gnn_search.trained.model import open_model

    refuse_existing(out)
    opened = open_model(model, graph)
    places = min(100, opened.graph.num_nodes["product"])
    k = (min(10, places), places) if places > 10 else (places,)
    with progress("stages") as bars:
        task = bars.add_task("fusion", total=STAGES, completed=-1)
        fit = fit_fusion(opened, cases, k, seed, parts=channels, progress=lambda stage: bars.update(task, description=stage, advance=1))
    save_fusion(out, opened, fit.weights, DEPTH, len(fit.user), seed)
    return summarise_fusion(fit, k, out, seed=seed)


def _render(console: Console, summary: FusionSummary) -> None:
    console.print(f"{summary.out}: fitted on {summary.cases:,} validation cases of {summary.users:,} users")
    weights = make_table("channel", "score", "rank", "missing")
    for name, weight in summary.weights.channels.items():
        weights.add_row(name, *(f"{value:.3f}" for value in (weight.score, weight.rank, weight.missing)))
    console.print(weights)
    for new_queries in (False, True):
        scores = [score for score in summary.scores if score.new_queries == new_queries]
        if scores:
            _render_scores(console, scores)


def _render_scores(console: Console, scores: list[FusionScore]) -> None:
    cuts = sorted({score.k for score in scores})
    which = "of cold queries" if scores[0].new_queries else "of all queries"
    console.print(f"\n{scores[0].recall.cases:,} cases {which}, users that nothing was fitted on, 95 % intervals over users")
    table = make_table("method", *(heading for cut in cuts for heading in (f">recall@{cut}", ">fused leads by")))
    for method in dict.fromkeys(score.method for score in scores):
        cells = []
        for score in (score for score in scores if score.method == method):
            lead = "" if score.lead is None else f"{score.lead.mean:+.4f} [{score.lead.low:+.4f}, {score.lead.high:+.4f}]"
            cells += [f"{score.recall.mean:.4f}", lead]
        table.add_row(method, *cells)
    console.print(table)


command = reporting(run_fusion, _render)
