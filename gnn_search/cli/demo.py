"""`gnn-search demo`: the whole line on the demo shop."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import PATH, threads_option
from gnn_search.cli.output import Meter, Usage, console, error_console

if TYPE_CHECKING:
    from gnn_search.retrieval.retriever import Retriever
    from gnn_search.trained.model import Model

_RECIPE = "complete_journey"
_CONFIG = "complete_journey"
_CASES, _PERTURBED = 20_000, 200
_SEARCHES = (("frozen pizza", True), ("frozen pizza", False), ("yogurt", True))
_TYPED = (
    "whole milk",
    "cofee",
    "frozen pizzas",
    "soda",
    "shampooo",
    "icecream",
    "something for breakfast",
    "chicken brest boneless",
    "paper towls",
    "food for my puppy",
)
"""What people type: not one of these is a query of the log."""


@click.command()
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder for everything that the demo makes.")
@threads_option
def command(out: Path) -> None:
    """Run the whole line on the demo shop.

    Writes the raw tables, builds the graph, trains, evaluates beside the baselines, exports, and shows three searches and what it finds for
    ten typed queries that the log does not hold. Parts that an earlier run finished are used again; an unfinished training goes on where
    it stopped.

    \b
    Example:
      gnn-search demo
    """
    meter = Meter()
    _prepare(out)
    _evaluate(out)
    _export(out)
    user = _search(out)
    _say_where(console(), out, user, meter.read())


def _prepare(out: Path) -> None:
    from gnn_search.cli.build_graph import run_build
    from gnn_search.cli.train import run_training
    from gnn_search.layout import ModelLayout
    from gnn_search.tables.complete_journey import write_complete_journey

    say = error_console().print
    if not (out / "tables").exists():
        say("[1/5] raw tables")
        write_complete_journey(out / "tables")
    if not (out / "graph").exists():
        say("[2/5] graph")
        run_build(_RECIPE, out / "tables", out / "graph")
    layout = ModelLayout(out / "model")
    if layout.checkpoint.exists() or not layout.manifest.exists():
        say("[3/5] training")
        begun = any(layout.checkpoint.glob("step-*"))
        if layout.root.exists() and not begun:
            shutil.rmtree(layout.root)
        run_training(_CONFIG, out / "graph", layout.root, resume=begun)


def _evaluate(out: Path) -> None:
    from gnn_search.cli.evaluate import run_evaluation
    from gnn_search.evaluation.table import render_evaluation

    error_console().print(f"[4/5] evaluation on {_CASES:,} test cases")
    evaluation = run_evaluation(out / "model", _CASES, graph=out / "graph", perturbed=_PERTURBED, out=out / "evaluation", replace=True)
    console().print(render_evaluation(evaluation))


def _export(out: Path) -> None:
    from gnn_search.cli.export import run_export

    if not (out / "export").exists():
        error_console().print("[5/5] export")
        run_export(out / "model", out / "export", graph=out / "graph")


def _search(out: Path) -> str:
    from gnn_search.cli.search import print_search, search_with_past
    from gnn_search.requests.request import Request
    from gnn_search.retrieval.retriever import Retriever
    from gnn_search.trained.model import open_model

    model = open_model(out / "model", out / "graph")
    retriever = Retriever(model)
    user = _user(model)
    for text, personal in _SEARCHES:
        print_search(console(), search_with_past(retriever, Request(text, user if personal else None), 5))
        console().print()
    _search_typed(retriever)
    return user


def _search_typed(retriever: Retriever) -> None:
    """Show what is found for queries that nobody asked before."""
    from gnn_search.console_table import make_table
    from gnn_search.requests.request import Request

    table = make_table("typed", "read as", ">fits", "first products", "category")
    table.title = "Typed queries that the log does not hold"
    for result in retriever.search_many([Request(text) for text in _TYPED], 3):
        titles, categories = (dict.fromkeys(getattr(hit, name) for hit in result) for name in ("title", "category"))
        read_as = ", ".join(result.read_as[:2])
        table.add_row(result.query, read_as, f"{result.confidence:.0%}", "\n".join(titles), "\n".join(categories))
    table.caption = "fits: the chance that one of the first ten products fits, as the model says"
    console().print(table)


def _user(model: Model) -> str:
    """Return a user who bought about as much as the middle one, so that the searches show an ordinary case."""
    import numpy as np

    view = model.graph.before(model.graph.manifest.test_start)
    degree = sum(view.edges(("product", f"rev_{action}", "user")).degree() for _, action, _ in model.graph.positive_relations)
    order = np.argsort(degree, kind="stable")
    return str(model.graph.nodes("user").row(int(order[len(order) // 2]))[0])


def _say_where(out_console: Console, out: Path, user: str, usage: Usage) -> None:
    out_console.print(f"All of it took {usage.in_words()}. It lies in {out}:")
    for name, what in (
        ("tables", "the raw tables"),
        ("graph", "the graph; look inside with: gnn-search inspect " + str(out / "graph")),
        ("model", f'the retriever, and metrics.jsonl of its training; try: gnn-search search {out / "model"} "ice cream" --user {user}'),
        ("evaluation", "all scores, differences and lists; see who beats whom with: gnn-search compare " + str(out / "evaluation")),
        ("export", "vectors, FAISS index and text tower, with the shop's own ids"),
    ):
        out_console.print(f"  {out / name}: {what}")
