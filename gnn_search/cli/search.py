"""`gnn-search search`: one search, for a reader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.options import (
    as_of_option,
    boost_option,
    channel_option,
    filter_options,
    fusion_option,
    graph_option,
    index_option,
    json_option,
    min_score_option,
    path_argument,
    threads_option,
)
from gnn_search.cli.output import emit, error_console

if TYPE_CHECKING:
    from gnn_search.retrieval.channels import ChannelKind
    from gnn_search.retrieval.search import Hit, Remembered, SearchResult


@click.command()
@path_argument("model")
@click.argument("text")
@click.option("--user", metavar="ID", help="Who searches: the shop's own id.")
@click.option("--history", metavar="ID,ID,…", help="What the user bought, the latest last, in the place of what the graph knows.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="Products wanted, at most.")
@channel_option
@fusion_option
@index_option
@boost_option
@filter_options
@min_score_option
@graph_option
@as_of_option
@threads_option
@json_option
def command(
    model: Path,
    text: str,
    user: str | None,
    history: str | None,
    k: int,
    channel: ChannelKind,
    fusion: Path | None,
    index: Path | None,
    boost: Path | None,
    action: str | None,
    categories: tuple[str, ...],
    products: Path | None,
    flag: str | None,
    min_score: str | None,
    graph: Path | None,
    as_of: str | None,
    as_json: bool,
) -> None:
    """Search for products by text, plain or for one user.

    With --user the table also says how often and when this user bought a product before, and below it stands what the user bought in the
    categories shown.

    \b
    Example:
      gnn-search search demo/model "fluid milk products" --user 1347
      gnn-search search demo/model "fluid milk products"
      gnn-search search demo/model "fluid milk products" --history 1029743,1106523
    """
    from gnn_search.model.store import open_model
    from gnn_search.retrieval.moments import resolve_moment
    from gnn_search.retrieval.search import Searcher
    from gnn_search.retrieval.threshold import resolve_min_score
    from gnn_search.retrieval.way import open_way

    opened = open_model(model, graph)
    least = resolve_min_score(min_score, opened.towers.thresholds)
    moment = resolve_moment(opened.graph, as_of)
    folders = {"fusion": fusion, "index": index, "boost": boost}
    way = open_way(opened, channel, moment, **folders, action=action, categories=categories, products=products, flag=flag)
    visited = None if history is None else [one.strip() for one in history.split(",") if one.strip()]
    result = Searcher(opened, moment, way).search(text, user, k, least, visited)
    if way.allowed is not None and way.allowed.unknown:
        error_console().print(f"Note: {way.allowed.unknown:,} products of {products} are not in the graph", soft_wrap=True)
    if result.note is not None:
        error_console().print(f"Note: {result.note}")
    emit(result, as_json, lambda console: render(console, result))


def render(console: Console, result: SearchResult) -> None:
    """Write a search's products, and what the shopper chose before in their categories."""
    whose = f"for {_who(result)}" if result.user_known else "without a user"
    if result.history:
        whose += f" with {result.history:,} products of the given history"
    known = "" if result.query_known else ", a new query"
    console.print(f"{result.query!r} {whose}{known}, as of {result.as_of:%Y-%m-%d %H:%M} UTC")
    table = Table("rank", "product", "title", "category", "score", box=None, pad_edge=False)
    table.columns[0].justify = table.columns[4].justify = "right"
    if result.user_known:
        table.add_column(f"{result.choice} before")
    for hit in result.hits:
        times = "time" if hit.times_chosen == 1 else "times"
        last = _day(result, hit)
        before = f"{hit.times_chosen:,} {times}{', last ' if last else ''}{last}" if hit.times_chosen else ""
        cells = (f"{hit.rank:,}", str(hit.product_id), hit.title, hit.category, f"{hit.score:.3f}")
        table.add_row(*cells, before) if result.user_known else table.add_row(*cells)
    if result.hits:
        console.print(table)
    else:
        console.print("no product was found")
    if result.user_known and result.hits:
        _render_past(console, result)


def _who(result: SearchResult) -> str:
    return "this user" if result.user_id is None else f"user {result.user_id}"


def _day(result: SearchResult, product: Hit | Remembered) -> str:
    """Say when a product was last chosen; a history given as ids has no days."""
    return "" if result.history is not None or product.last_chosen is None else f"{product.last_chosen:%Y-%m-%d}"


def _render_past(console: Console, result: SearchResult) -> None:
    if not result.remembered:
        console.print(f"{'User ' + result.user_id if result.user_id else 'This user'} {result.choice} nothing in these categories before.")
        return
    shown, all_of_them = len(result.remembered), result.remembered_products
    which = f"the last {shown} of {all_of_them:,} products" if shown < all_of_them else f"{shown} product{'s' if shown > 1 else ''}"
    console.print(f"\nWhat {_who(result)} {result.choice} before in these categories, {which}:")
    days = () if result.history is not None else ("last",)
    table = Table("product", "title", "category", "times", *days, box=None, pad_edge=False)
    table.columns[3].justify = "right"
    for one in result.remembered:
        last = (_day(result, one),) if days else ()
        table.add_row(str(one.product_id), one.title, one.category, f"{one.times_chosen:,}", *last)
    console.print(table)
