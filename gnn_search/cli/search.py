"""`gnn-search search`: one search, for a reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from gnn_search.cli.options import as_of_option, graph_option, min_score_option, path_argument, ranking_options
from gnn_search.cli.output import error_console, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.requests.request import Request
    from gnn_search.retrieval.past_interactions import PastInteractions, PastProduct
    from gnn_search.retrieval.results import SearchResult
    from gnn_search.retrieval.retriever import Retriever


@path_argument("model")
@click.argument("text")
@click.option("--user", metavar="ID", help="Who searches: the shop's own id.")
@click.option("--history", metavar="ID,ID,…", help="What the user bought, the latest last, in the place of what the graph knows.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="Products wanted, at most.")
@ranking_options
@min_score_option
@graph_option
@as_of_option
def run_search(
    model: Path,
    text: str,
    user: str | None,
    history: str | None,
    k: int,
    min_score: str | None,
    graph: Path | None,
    as_of: str | None,
    **ranking: Any,
) -> SearchReport:
    """Search for products by text, plain or for one user.

    Of a query that is not in the log it says what it is read as: the known queries that are like it, by spelling, words and meaning. Where
    it is unlikely that any product fits, it says that nothing matches well.

    With --user the table also says how often and when this user bought a product before, and below it stands what the user bought in the
    categories shown.

    \b
    Example:
      gnn-search search demo/model "fluid milk products" --user 1347
      gnn-search search demo/model "fluid milk products"
      gnn-search search demo/model "fluid milk products" --history 1029743,1106523
    """
    from gnn_search.errors import RequestError
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.requests.request import Request
    from gnn_search.retrieval.options import open_ranking_options
    from gnn_search.retrieval.retriever import Retriever
    from gnn_search.retrieval.threshold import resolve_min_score
    from gnn_search.trained.model import open_model

    if user is not None and not user.strip():
        raise RequestError("the user's id is empty; give --user the shop's id of a user, or leave it out")
    opened = open_model(model, graph)
    least = resolve_min_score(min_score, opened.towers.thresholds)
    time = resolve_as_of(opened.graph, as_of)
    options = open_ranking_options(opened, as_of=time, **ranking)
    given = None if history is None else [one.strip() for one in history.split(",") if one.strip()]
    report = search_with_past(Retriever(opened, options, time), Request(text, user, given), k, least)
    for note in report.result.notes:
        error_console().print(f"Note: {note}")
    return report


@dataclass(frozen=True)
class SearchReport:
    """A search's result, and its user's past interactions; `verb` says what an interaction is, as `interaction_verb` does."""

    result: SearchResult
    past: PastInteractions
    verb: str

    def to_json(self) -> dict[str, Any]:
        """Return both as JSON values."""
        return {**self.result.to_json(), "past": self.past.model_dump(mode="json")}


def search_with_past(retriever: Retriever, request: Request, k: int, min_score: float | None = None) -> SearchReport:
    """Search, and look up the user's past interactions."""
    from gnn_search.graph.describe import interaction_verb
    from gnn_search.retrieval.past_interactions import past_interactions

    found = retriever.search_many([request], k, min_score=min_score)
    result = found[0]
    past = past_interactions(retriever, found.batch, 0, [hit.product_id for hit in result])
    return SearchReport(result, past, interaction_verb(retriever.model.graph))


def print_search(console: Console, report: SearchReport) -> None:
    """Write a search's products, and the user's past interactions in their categories."""
    result = report.result
    whose = f"for {_who(result)}" if result.user_known else "without a user"
    if result.history_events:
        whose += f" with {result.history_events:,} product{'' if result.history_events == 1 else 's'} of the given history"
    console.print(f"{result.query!r} {whose}, as of {result.as_of:%Y-%m-%d %H:%M} UTC")
    if not result.query_known:
        read_as = f"; read as: {', '.join(result.read_as)}" if result.read_as else ""
        console.print(f"no such query in the log{read_as}", soft_wrap=True)
    if not len(result):
        console.print("no product was found")
        return
    if not result.matches:
        console.print(f"nothing matches well (a chance of {result.confidence:.0%} that one of the first products fits)")
    before = (f"{report.verb} before",) if result.user_known else ()
    table = make_table(">rank", "product", "title", "category", ">score", *before)
    for hit, past in zip(result, report.past.hits, strict=True):
        cells = (f"{hit.rank:,}", str(hit.product_id), hit.title, hit.category, f"{hit.score:.3f}", _before(result, past))
        table.add_row(*cells[: len(table.columns)])
    console.print(table)
    if result.user_known:
        _print_past(console, report)


def _before(result: SearchResult, past: PastProduct | None) -> str:
    if past is None:
        return ""
    last = _day(result, past)
    return f"{past.times:,} time{'' if past.times == 1 else 's'}{', last ' if last else ''}{last}"


def _who(result: SearchResult) -> str:
    return "this user" if result.user_id is None else f"user {result.user_id}"


def _day(result: SearchResult, past: PastProduct) -> str:
    """Return the day of the last interaction; a history given as ids has no days."""
    return "" if result.history_events is not None else f"{past.last:%Y-%m-%d}"


def _print_past(console: Console, report: SearchReport) -> None:
    result, past = report.result, report.past
    if not past.products:
        who = "This user" if result.user_id is None else f"User {result.user_id}"
        console.print(f"{who} {report.verb} nothing in these categories before.")
        return
    shown, all_of_them = len(past.products), past.num_products
    which = f"the last {shown} of {all_of_them:,} products" if shown < all_of_them else f"{shown} product{'s' if shown > 1 else ''}"
    console.print(f"\nWhat {_who(result)} {report.verb} before in these categories, {which}:")
    days = () if result.history_events is not None else ("last",)
    table = make_table("product", "title", "category", ">times", *days)
    for one in past.products:
        cells = (str(one.product_id), one.title, one.category, f"{one.times:,}", _day(result, one))
        table.add_row(*cells[: len(table.columns)])
    console.print(table)


command = reporting(run_search, print_search)
