"""Tables of a graph's content, shared by the commands that show one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from gnn_search.graph.describe import GraphSummary


def print_summary(console: Console, summary: GraphSummary) -> None:
    """Write nodes, edges, periods, taxonomy and rejects."""
    from gnn_search.graph.hold_out import HELD_OUT

    console.print(f"Graph {summary.name}")
    table = Table("what", "how many", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for node_type, count in summary.num_nodes.items():
        table.add_row(f"{node_type} nodes", f"{count:,}")
    for one in summary.relations:
        timeless = "" if one.timed else "  (no time)"
        table.add_row(f"{one.source} --{one.relation}--> {one.target}{timeless}", f"{one.edges:,}")
    console.print(table)
    facts = Table(box=None, show_header=False, pad_edge=False)
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
