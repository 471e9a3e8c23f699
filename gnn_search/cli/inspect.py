"""`gnn-search inspect`: what is in a graph, and what lies around one node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.graph_tables import print_summary
from gnn_search.cli.options import json_option, path_argument
from gnn_search.cli.output import emit

if TYPE_CHECKING:
    from gnn_search.graph.describe import Counted, Neighbourhood, ProductNeighbourhood, QueryNeighbourhood, UserNeighbourhood


@click.command()
@path_argument("graph")
@click.option("--user", metavar="ID", help="Show this user.")
@click.option("--query", metavar="TEXT", help="Show this query.")
@click.option("--product", metavar="ID", help="Show this product.")
@json_option
def command(graph: Path, user: str | None, query: str | None, product: str | None, as_json: bool) -> None:
    """Show what is in a graph, or the neighbourhood of one node.

    A user is shown with the last interactions, the commonest categories and the last queries; a query with what it led to; a product with
    the queries that led to it and what is bought with it. All events are counted, those of the test period too.

    \b
    Example:
      gnn-search inspect graph/
      gnn-search inspect graph/ --user 1347
      gnn-search inspect graph/ --query "whole milk" --json
    """
    from gnn_search.graph.describe import neighbourhood, summarise
    from gnn_search.graph.store import Graph

    given = (("user", user), ("query", query), ("product", product))
    wanted = [(node_type, shop_id) for node_type, shop_id in given if shop_id is not None]
    if len(wanted) > 1:
        raise click.UsageError("give one of --user, --query and --product, not several")
    opened = Graph.open(graph)
    if not wanted:
        summary = summarise(opened)
        emit(summary, as_json, lambda console: print_summary(console, summary))
        return
    found = neighbourhood(opened, *wanted[0], opened.manifest.time_last + 1)
    emit(found, as_json, lambda console: _render(console, found))


def _render(console: Console, found: Neighbourhood) -> None:
    from gnn_search.graph.describe import QueryNeighbourhood, UserNeighbourhood

    if isinstance(found, UserNeighbourhood):
        _render_user(console, found)
    elif isinstance(found, QueryNeighbourhood):
        _render_query(console, found)
    else:
        _render_product(console, found)


def _render_user(console: Console, user: UserNeighbourhood) -> None:
    console.print(f"User {user.user_id}: {_times(user.num_interactions, 'interaction')}")
    _attributes(console, user.attributes)
    interactions = [
        (f"{one.time:%Y-%m-%d}", one.action, str(one.product_id), one.title, one.category or "") for one in user.last_interactions
    ]
    _table(console, "Last interactions", ("date", "action", "product", "title", "category"), interactions)
    _counts(console, "Commonest categories", "category", user.top_categories)
    _table(console, "Last queries", ("date", "query"), [(f"{one.time:%Y-%m-%d}", one.query) for one in user.last_queries])


def _render_query(console: Console, query: QueryNeighbourhood) -> None:
    console.print(
        f"Query '{query.query}': asked by {_times(query.num_users, 'user')}, led to {_times(query.num_products, 'product')} "
        f"in {_times(query.num_interactions, 'interaction')}",
        soft_wrap=True,
    )
    _counts(console, "Commonest categories", "category", query.categories)
    products = [(f"{one.count:,}", str(one.product_id), one.title, one.category or "") for one in query.top_products]
    _table(console, "Commonest products", ("interactions", "product", "title", "category"), products)


def _render_product(console: Console, product: ProductNeighbourhood) -> None:
    chosen = f"chosen {_times(product.num_interactions, 'time')} by {_times(product.num_users, 'known user')}"
    console.print(f"Product {product.product_id}: {product.title}, {chosen}", soft_wrap=True)
    console.print(product.category or "in no category", soft_wrap=True)
    _attributes(console, product.attributes)
    _counts(console, "Commonest queries that led to it", "query", product.top_queries)
    partners = [(f"{one.weight:.1f}", str(one.product_id), one.title, one.category or "") for one in product.bought_with]
    _table(console, "Bought with it", ("weight", "product", "title", "category"), partners)


def _attributes(console: Console, attributes: dict[str, str | None] | dict[str, str | float | None]) -> None:
    shown = ", ".join(f"{name} {value}" for name, value in attributes.items() if value is not None)
    if shown:
        console.print(shown, soft_wrap=True)


def _counts(console: Console, title: str, column: str, counted: Sequence[Counted]) -> None:
    _table(console, title, ("interactions", column), [(f"{one.count:,}", one.name) for one in counted])


def _table(console: Console, title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    console.print()
    if not rows:
        console.print(f"{title}: none")
        return
    console.print(title)
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
