"""`gnn-search inspect`: what is in a graph, and what lies around one node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import path_argument
from gnn_search.cli.output import reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.graph.describe import (
        Counted,
        GraphSummary,
        Neighbourhood,
        ProductNeighbourhood,
        QueryNeighbourhood,
        UserNeighbourhood,
    )


@path_argument("graph")
@click.option("--user", metavar="ID", help="Show this user.")
@click.option("--query", metavar="TEXT", help="Show this query.")
@click.option("--product", metavar="ID", help="Show this product.")
def run_inspection(graph: Path, user: str | None, query: str | None, product: str | None) -> GraphSummary | Neighbourhood:
    """Show what is in a graph, or the neighbourhood of one node.

    A user is shown with the last interactions, the commonest categories and the last queries; a query with the products of its
    interactions; a product with the queries of its interactions and what is bought with it. All events are counted, those of the test
    period too.

    \b
    Example:
      gnn-search inspect graph/
      gnn-search inspect graph/ --user 1347
      gnn-search inspect graph/ --query "whole milk" --json
    """
    from gnn_search.graph.describe import inspect_graph

    if sum(one is not None for one in (user, query, product)) > 1:
        raise click.UsageError("give one of --user, --query and --product, not several")
    return inspect_graph(graph, user=user, query=query, product=product)


def _render(console: Console, found: GraphSummary | Neighbourhood) -> None:
    from gnn_search.graph.describe import GraphSummary, QueryNeighbourhood, UserNeighbourhood

    if isinstance(found, GraphSummary):
        print_summary(console, found)
    elif isinstance(found, UserNeighbourhood):
        _render_user(console, found)
    elif isinstance(found, QueryNeighbourhood):
        _render_query(console, found)
    else:
        _render_product(console, found)


def print_summary(console: Console, summary: GraphSummary) -> None:
    """Write nodes, edges, periods, taxonomy and rejects."""
    from gnn_search.graph.hold_out import HELD_OUT

    console.print(f"Graph {summary.name}")
    table = make_table("what", ">how many")
    for node_type, count in summary.num_nodes.items():
        table.add_row(f"{node_type} nodes", f"{count:,}")
    for one in summary.relations:
        timeless = "" if one.timed else "  (no time)"
        table.add_row(f"{one.source} --{one.relation}--> {one.target}{timeless}", f"{one.edges:,}")
    console.print(table)
    facts = make_table(show_header=False)
    facts.add_row("events", f"{summary.first_event:%Y-%m-%d %H:%M} to {summary.last_event:%Y-%m-%d %H:%M} UTC")
    facts.add_row("training", f"{summary.num_examples['train']:,} events")
    for period, start in (("validation", summary.validation_start), ("test", summary.test_start)):
        measured = summary.num_examples.get(f"{period}_measured")
        some = "" if measured is None else f", {measured:,} of them measured"
        facts.add_row(period, f"{summary.num_examples[period]:,} events from {start:%Y-%m-%d %H:%M}{some}")
    if HELD_OUT in summary.num_examples:
        held = f"{summary.num_examples[HELD_OUT]:,} events of users and products made new, see examples/{HELD_OUT}.parquet"
        facts.add_row("held out", held)
    facts.add_row("taxonomy", f"{summary.taxonomy_depth} levels, {summary.products_in_no_category:,} products in no category")
    facts.add_row("rejects", _rejects(summary))
    console.print(facts)


def _rejects(summary: GraphSummary) -> str:
    share = f"{sum(summary.rejects.values()):,} of {sum(summary.rows_read.values()):,} rows"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in summary.rejects.items())
    return f"{share} ({reasons}), see rejects.parquet" if reasons else share


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
        f"Query '{query.query}': {_times(query.num_interactions, 'interaction')} "
        f"of {_times(query.num_users, 'user')} with {_times(query.num_products, 'product')}",
        soft_wrap=True,
    )
    _counts(console, "Commonest categories", "category", query.categories)
    products = [(f"{one.count:,}", str(one.product_id), one.title, one.category or "") for one in query.top_products]
    _table(console, "Commonest products", ("interactions", "product", "title", "category"), products)


def _render_product(console: Console, product: ProductNeighbourhood) -> None:
    counts = f"{_times(product.num_interactions, 'interaction')} of {_times(product.num_users, 'known user')}"
    console.print(f"Product {product.product_id}: {product.title}, {counts}", soft_wrap=True)
    console.print(product.category or "in no category", soft_wrap=True)
    _attributes(console, product.attributes)
    _counts(console, "Commonest queries of its interactions", "query", product.top_queries)
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
    table = make_table(*columns)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


command = reporting(run_inspection, _render)
