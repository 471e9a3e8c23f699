"""Options and arguments that several commands share.

Paths are not checked by click: the package's own errors say more than "does not exist".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gnn_search.threads import set_threads

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Function], Function]

PATH = click.Path(path_type=Path)


def path_argument(name: str) -> Decorator[Any]:
    """Return a required argument that arrives as a `pathlib.Path`."""
    return click.argument(name, type=PATH)


def path_option(name: str, summary: str) -> Decorator[Any]:
    """Return a required option that arrives as a `pathlib.Path`."""
    return click.option(name, type=PATH, required=True, metavar="PATH", help=summary)


def out_option(summary: str) -> Decorator[Any]:
    """Return the required `--out`; arrives as `out`, a `pathlib.Path`."""
    return path_option("--out", summary)


def json_option(function: Function) -> Function:
    """Add `--json`; arrives as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")(function)


def threads_option(function: Function) -> Function:
    """Add `--threads`, which takes effect before the command runs; nothing arrives."""
    option = click.option(
        "--threads",
        type=click.IntRange(min=1),
        callback=_apply_threads,
        expose_value=False,
        help="CPU threads to use.  [default: OMP_NUM_THREADS, else all CPUs]",
    )
    return option(function)


def audit_option(function: Function) -> Function:
    """Add `--no-audit`; arrives as `audit`, true by default."""
    summary = "Look for leaks and faults first, and stop at an error."
    return click.option("--audit/--no-audit", "audit", default=True, show_default=True, help=summary)(function)


def graph_option(function: Function) -> Function:
    """Add `--graph`; arrives as `graph`, a `pathlib.Path` or None."""
    return click.option("--graph", type=PATH, metavar="PATH", help="The model's graph, where it was moved.")(function)


def channel_option(function: Function) -> Function:
    """Add `--channel`; arrives as `channel`."""
    return click.option(
        "--channel",
        type=click.Choice(["reranked", "vector", "graph", "lexical", "fused", "rrf"]),
        default="reranked",
        show_default=True,
        help="Rank by vectors and the graph's candidates together, by vectors, candidates or words alone, or fuse these three by fitted "
        "weights or by reciprocal ranks.",
    )(function)


def fusion_option(function: Function) -> Function:
    """Add `--fusion`; arrives as `fusion`, a `pathlib.Path` or None."""
    return click.option("--fusion", type=PATH, metavar="PATH", help="Weights of --channel fused: a folder from fuse.")(function)


def index_option(function: Function) -> Function:
    """Add `--index`; arrives as `index`, a `pathlib.Path` or None."""
    summary = "Search this folder from index; an approximate one for --channel vector."
    return click.option("--index", type=PATH, metavar="PATH", help=summary)(function)


def boost_option(function: Function) -> Function:
    """Add `--boost` and `--action`; they arrive as `boost`, a `pathlib.Path` or None, and `action`, a text or None."""
    action = click.option("--action", metavar="NAME", help="Boost by the weights of this action, where the shop logs several.")
    boost = click.option("--boost", type=PATH, metavar="PATH", help="Boost by this folder from boost, for --channel vector.")
    return boost(action(function))


def qualities_option(function: Function) -> Function:
    """Add `--boost` to a command that makes an index; arrives as `boost`, a `pathlib.Path` or None."""
    summary = "Put the qualities of this folder from boost into the vectors; searches then need --boost too."
    return click.option("--boost", type=PATH, metavar="PATH", help=summary)(function)


def filter_options(function: Function) -> Function:
    """Add filters: `categories` arrives as a tuple of texts, `products` as a `pathlib.Path` or None, `flag` as a text or None."""
    summary = "Show products of this category alone, by path or id, and of all below it; may be repeated."
    category = click.option("--category", "categories", multiple=True, metavar="NAME", help=summary)
    flag = click.option("--flag", metavar="COLUMN", help="Show those products alone of which this column says true, such as in_stock.")
    summary = "Show those products alone whose product_id stands in this parquet, CSV or JSON lines file, such as what is in stock."
    products = click.option("--products", type=PATH, metavar="PATH", help=summary)
    return category(products(flag(function)))


def as_of_option(function: Function) -> Function:
    """Add `--as-of`; arrives as `as_of`, a text or None."""
    summary = "Count what was known before this ISO 8601 date or time (UTC), or 'now' for all events.  [default: start of the test period]"
    return click.option("--as-of", metavar="MOMENT", help=summary)(function)


def min_score_option(function: Function) -> Function:
    """Add `--min-score`; arrives as `min_score`, a text or None."""
    summary = "Leave out what is less similar (cosine) than this, or than the model's threshold for this action (loss.kind hinge)."
    return click.option("--min-score", metavar="FLOAT|ACTION", help=summary)(function)


def _apply_threads(ctx: click.Context, parameter: click.Parameter, value: int | None) -> None:
    set_threads(value)
