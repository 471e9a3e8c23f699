"""`gnn-search embed`: vectors of products, users and queries that are not in the graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import PATH, as_of_option, graph_option, out_option, path_argument
from gnn_search.cli.output import reporting

if TYPE_CHECKING:
    from gnn_search.vectors.embed import EmbedSummary, ProductsEmbedded, UsersEmbedded


@path_argument("model")
@click.option("--products", type=PATH, metavar="PATH", help="Products: the columns that the graph's recipe names for them.")
@click.option("--users", type=PATH, metavar="PATH", help="Users: user_id and history (product ids), or a row an event with product_id.")
@click.option("--queries", type=PATH, metavar="PATH", help="Queries: the column query.")
@out_option()
@graph_option
@as_of_option
def run_embedding(
    model: Path, products: Path | None, users: Path | None, queries: Path | None, out: Path, graph: Path | None, as_of: str | None
) -> EmbedSummary:
    """Write vectors of what is not in the graph.

    Nothing is trained. A product is encoded by its text, category, numbers, attributes and brand, as one without any interaction; a
    user by what the history and attribute columns say; a query by its text, and one that the graph holds also by its interactions.
    Histories are in the order of time; rows of events may have timestamp, action, query and weight. Files are parquet, CSV or JSON lines.

    The folder holds a parquet file of ids and vectors for each, and embed.json, which tells what was not known.

    \b
    Example:
      gnn-search embed demo/model --products new_products.parquet --users new_users.jsonl --out vectors/
    """
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.trained.model import open_model
    from gnn_search.vectors.embed import embed

    if products is None and users is None and queries is None:
        raise click.UsageError("give at least one of --products, --users and --queries")
    opened = open_model(model, graph)
    return embed(opened, out, resolve_as_of(opened.graph, as_of), products, users, queries)


def _render(console: Console, summary: EmbedSummary) -> None:
    out = click.get_current_context().params["out"]
    if summary.products is not None:
        _products(console, summary.products)
    if summary.users is not None:
        _users(console, summary.users)
    if (queries := summary.queries) is not None:
        line = f"queries: {queries.vectors:,} vectors, {queries.known:,} of queries that the graph holds"
        console.print(f"{line}, {queries.zero_vectors:,} of length 0 (no known word)", soft_wrap=True)
    console.print(f"{out}: vectors of {summary.dimension} dimensions, as of {summary.as_of:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


def _products(console: Console, products: ProductsEmbedded) -> None:
    console.print(f"products: {products.vectors:,} vectors of {products.read:,} rows", soft_wrap=True)
    counts = {f"rows that can't be used ({reason})": count for reason, count in products.set_aside.items()} | {
        "with an id that the graph holds, encoded as new all the same": products.in_graph,
        "placed higher, as the graph does not hold their category": products.placed_higher,
        "in no category that the graph holds": products.in_no_category,
        "of these without a known word either, distinguished by numbers, attributes and brand alone": products.unknown,
        "vectors of length 0": products.zero_vectors,
    }
    _print_counts(console, counts)


def _users(console: Console, users: UsersEmbedded) -> None:
    console.print(f"users: {users.vectors:,} vectors from {users.events:,} events", soft_wrap=True)
    counts = {
        "events left out, as their product is not in the graph": users.unknown_products,
        "events left out, as they are not before the time": users.later,
        "users with a vector of length 0, as nothing is known of them": users.zero_vectors,
    }
    _print_counts(console, counts)


def _print_counts(console: Console, counts: dict[str, int]) -> None:
    for what, count in counts.items():
        if count:
            console.print(f"  {what}: {count:,}", soft_wrap=True)


command = reporting(run_embedding, _render)
