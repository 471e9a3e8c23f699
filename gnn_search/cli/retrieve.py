"""`gnn-search retrieve`: ranked products for a file of requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from gnn_search.cli.options import as_of_option, graph_option, min_score_option, out_option, path_argument, path_option, ranking_options
from gnn_search.cli.output import StageBars, error_console, progress, reporting

if TYPE_CHECKING:
    from gnn_search.retrieval.retrieve import RetrievalSummary


@path_argument("model")
@path_option("--input", "Requests: parquet, CSV or JSON lines with the column query, and user_id where a user searches.")
@out_option("File to be made: parquet, CSV or JSON lines, by suffix.")
@click.option("-k", "k", type=int, default=100, show_default=True, help="Products a request, at most.")
@ranking_options
@min_score_option
@click.option("--resume", is_flag=True, help="Go on from where a run of the same command was stopped; start where none was.")
@graph_option
@as_of_option
def run_retrieval(
    model: Path,
    input: Path,  # noqa: A002
    out: Path,
    k: int,
    min_score: str | None,
    resume: bool,
    graph: Path | None,
    as_of: str | None,
    **ranking: Any,
) -> RetrievalSummary:
    """Rank products for a file of users and queries.

    Writes rows of user_id, query, rank (from 1), product_id and score, in the order of the requests. A user that is null, or of whom
    nothing is known, gets the plain result; a cold query is answered by its text and by the known queries that are like it. The channels
    fused and rrf add a column for each channel that they fuse, such as vector_rank: where it found the product, null where it did not. CSV
    and JSON lines may end in .gz or .zst.

    A column history, a list of product ids (the latest last) or of events with product_id and, where known, timestamp, action and query,
    takes the place of what the graph knows of the user; so a user whom it does not hold gets a personal result.

    The input may be of any length. It is looked through first, so that a fault is reported at once. The answers lie in the folder
    OUT.unfinished until all are there; --resume goes on with those of a run that was killed.

    \b
    Example:
      gnn-search retrieve demo/model --input requests.parquet --out results.parquet -k 100
    """
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.retrieval.options import open_ranking_options
    from gnn_search.retrieval.retrieve import retrieve
    from gnn_search.retrieval.threshold import resolve_min_score
    from gnn_search.retrieval.unfinished import Unfinished
    from gnn_search.trained.model import open_model

    Unfinished(out).check_place(resume)
    opened = open_model(model, graph)
    time = resolve_as_of(opened.graph, as_of)
    with progress("requests") as bars:
        summary = retrieve(
            opened,
            input,
            out,
            k,
            time,
            options=open_ranking_options(opened, as_of=time, **ranking),
            min_score=resolve_min_score(min_score, opened.towers.thresholds),
            resume=resume,
            progress=StageBars(bars),
        )
    for note in summary.notes:
        error_console().print(f"Note: {note}", soft_wrap=True)
    return summary


def _render(console: Console, summary: RetrievalSummary) -> None:
    whole = summary.rows == summary.k * summary.requests
    least = "" if summary.min_score is None else f" that score at least {summary.min_score:.3f}"
    none = f"; {summary.requests_without_products:,} got none" if summary.requests_without_products or least else ""
    console.print(
        f"{summary.out}: {summary.rows:,} rows, {'' if whole else 'at most '}{summary.k:,} products{least} for each of "
        f"{summary.requests:,} requests{none}",
        soft_wrap=True,
    )
    if summary.products_allowed is not None:
        console.print(f"products that passed the filters: {summary.products_allowed:,}")
    if summary.products_unknown:
        which = "product of the file of products is" if summary.products_unknown == 1 else "products of the file of products are"
        console.print(f"{summary.products_unknown:,} {which} not in the graph")
    if summary.resumed:
        console.print(f"{summary.resumed:,} of the requests had been answered by the run that was gone on with")
    console.print(
        f"users: {summary.users_known:,} known, {summary.users_unknown:,} unknown, {summary.users_null:,} null; the last two kinds got the "
        "plain result"
    )
    if summary.users_given:
        console.print(
            f"histories: {summary.users_given:,} given, in the place of what the graph knows; left out of them were "
            f"{summary.events_unknown:,} events of unknown products and {summary.events_later:,} that are not before the time as of which "
            "is searched"
        )
    console.print(
        f"queries: {summary.queries_known:,} known, {summary.queries_new:,} new, answered by their text and the known ones like it; of "
        f"these {summary.queries_without_words:,} without a known word",
        soft_wrap=True,
    )
    if summary.queries_ill_matched:
        console.print(f"nothing matches well: {summary.queries_ill_matched:,} of the requests")
    console.print(f"as of {summary.as_of:%Y-%m-%d %H:%M} UTC")


command = reporting(run_retrieval, lambda console, summary: _render(error_console(), summary))
