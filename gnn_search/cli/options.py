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
COUNT = click.IntRange(min=1)


def path_argument(name: str) -> Decorator[Any]:
    """Return a required argument that arrives as a `pathlib.Path`."""
    return click.argument(name, type=PATH)


def path_option(name: str, summary: str) -> Decorator[Any]:
    """Return a required option that arrives as a `pathlib.Path`."""
    return click.option(name, type=PATH, required=True, metavar="PATH", help=summary)


def out_option(summary: str = "Folder to be made.") -> Decorator[Any]:
    """Return the required `--out`; arrives as `out`, a `pathlib.Path`."""
    return path_option("--out", summary)


def seed_option(summary: str) -> Decorator[Any]:
    """Return `--seed`, 0 by default."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help=summary)


def together(*options: Decorator[Any]) -> Decorator[Any]:
    """Return one decorator that adds several options, in this order."""

    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _apply_threads(ctx: click.Context, parameter: click.Parameter, value: int | None) -> None:
    set_threads(value)


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
threads_option = click.option(
    "--threads",
    type=COUNT,
    callback=_apply_threads,
    expose_value=False,
    help="CPU threads to use.  [default: OMP_NUM_THREADS, else all CPUs]",
)
"""Takes effect before the command runs; nothing arrives."""
runs_argument = click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN...")
resamples_option = click.option(
    "--resamples", "n_resamples", type=COUNT, default=1000, show_default=True, help="Bootstrap resamples over users."
)
audit_option = click.option(
    "--audit/--no-audit", default=True, show_default=True, help="Look for leaks and faults first, and stop at an error."
)
graph_option = click.option("--graph", type=PATH, metavar="PATH", help="The model's graph, where it was moved.")
fusion_option = click.option("--fusion", type=PATH, metavar="PATH", help="Weights of --channel fused: a folder from fuse.")
qualities_option = click.option(
    "--boost",
    type=PATH,
    metavar="PATH",
    help="Put the qualities of this folder from boost into the vectors; searches then need --boost too.",
)
as_of_option = click.option(
    "--as-of",
    metavar="TIME",
    help="Count what was known before this ISO 8601 date or time (UTC), or 'now' for all events.  [default: start of the test period]",
)
min_score_option = click.option(
    "--min-score",
    metavar="FLOAT|ACTION",
    help="Leave out what is less similar (cosine) than this, or than the model's threshold for this action (loss.kind hinge).",
)
ranking_options = together(
    click.option(
        "--channel",
        type=click.Choice(["reranked", "vector", "graph", "lexical", "fused", "rrf"]),
        default="reranked",
        show_default=True,
        help="Rank by vectors and the graph's candidates together, by vectors, candidates or words alone, or fuse these three by fitted "
        "weights or by reciprocal ranks.",
    ),
    fusion_option,
    click.option("--index", type=PATH, metavar="PATH", help="Search this folder from index; an approximate one for --channel vector."),
    click.option("--boost", type=PATH, metavar="PATH", help="Boost by this folder from boost, for --channel vector."),
    click.option("--action", metavar="NAME", help="Boost by the weights of this action, where the shop logs several."),
    click.option(
        "--category",
        "categories",
        multiple=True,
        metavar="NAME",
        help="Only products of this category, by path or id, and of all below it; may be repeated.",
    ),
    click.option(
        "--products",
        type=PATH,
        metavar="PATH",
        help="Only products whose product_id is in this parquet, CSV or JSON lines file, such as what is in stock.",
    ),
    click.option("--flag", metavar="COLUMN", help="Only products where this column is true, such as in_stock."),
)
"""How a request is ranked: `channel`, and what else `open_ranking_options` takes."""
