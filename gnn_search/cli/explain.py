"""`gnn-search explain`: how a score comes about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import as_of_option, graph_option, path_argument
from gnn_search.cli.output import error_console, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.explanation.result import CosinePart, Explanation, GraphPath, Rank, RerankerSplit, ScoreSplit

_SHOWN = 6
"""Products of the history that are shown."""
_LITTLE = 0.005
"""What adds less than this to a score is summed up."""


@path_argument("model")
@click.option("--query", required=True, metavar="TEXT", help="What is searched for.")
@click.option("--product", required=True, metavar="ID", help="The product whose score is explained: the shop's own id.")
@click.option("--user", metavar="ID", help="Who searches: the shop's own id.")
@graph_option
@as_of_option
def run_explanation(model: Path, query: str, product: str, user: str | None, graph: Path | None, as_of: str | None) -> Explanation:
    """Explain how the score of a product comes about.

    Shown are the product's rank over the whole catalogue by each channel, the score as a sum, the cosine as a sum over the parts of
    the request and of the product, what of the user's history counted, and the shortest paths in the graph from the user and the query to
    the product.

    \b
    Example:
      gnn-search explain demo/model --user 1347 --query "fluid milk products" --product 1029743
    """
    from gnn_search.explanation.explain import Explainer
    from gnn_search.graph.as_of import resolve_as_of
    from gnn_search.trained.model import open_model

    opened = open_model(model, graph)
    found = Explainer(opened, resolve_as_of(opened.graph, as_of)).explain(query, product, user)
    for note in found.notes:
        error_console().print(f"Note: {note}")
    return found


def _render(console: Console, found: Explanation) -> None:
    whose = "without a user" if found.user_id is None else f"for user {found.user_id}"
    console.print(f"{found.query!r} {whose}, as of {found.as_of:%Y-%m-%d %H:%M} UTC", soft_wrap=True)
    console.print(f"Product {found.product.product_id}: {found.product.title}", soft_wrap=True)
    console.print(found.product.category or "in no category", soft_wrap=True)
    _ranks(console, found)
    _score(console, found.score, found.reranker)
    console.print(f"\nThe cosine {found.score.cosine:+.3f} as a sum")
    _parts(console, "part of the request", found.cosine.request)
    _parts(console, "part of the product", found.cosine.product)
    _attention(console, found)
    if found.user_id is not None:
        _paths(console, f"user {found.user_id}", found.from_user)
    if found.query_known:
        _paths(console, f"query {found.query!r}", found.from_query)


def _ranks(console: Console, found: Explanation) -> None:
    ranks, reranked = found.ranks, found.ranks.graph is not None
    table = make_table("ranked by", ">rank", ">of", ">score")
    best = "vectors and the graph's candidates" if reranked else "vectors"
    rows: list[tuple[str, Rank | None]] = [
        (best, ranks.reranked),
        ("vectors alone", ranks.vector if reranked else None),
        ("candidates alone", ranks.graph),
        (f"{best}, without the user", ranks.plain),
    ]
    for name, rank in rows:
        if rank is not None:
            place = "not reached" if rank.rank is None else f"{rank.rank:,}"
            table.add_row(name, place, f"{rank.of:,}", "" if rank.score is None else f"{rank.score:.3f}")
    console.print()
    console.print(table)


def _score(console: Console, score: ScoreSplit, split: RerankerSplit | None) -> None:
    console.print(f"\nThe score {score.score:+.3f} as a sum")
    rows = [(score.vector, "cosine", f"{score.cosine:.3f}")]
    if split is None:
        if score.reranker:
            rows.append(
                (score.reranker, "constant", "the product is no candidate: the graph does not lead to it, and its vector is not near")
            )
        _terms(console, rows)
        return
    rows.append((split.mean, "reranker", f"mean of the {split.candidates:,} candidates of this request"))
    shown = [group for group in split.groups if abs(group.score) >= _LITTLE]
    rows += [(group.score, group.name, group.words) for group in shown]
    rest = sum(group.score for group in split.groups) - sum(group.score for group in shown)
    if len(shown) < len(split.groups):
        rows.append((rest, "all else", ""))
    _terms(console, rows)
    if not split.from_graph:
        console.print("The graph does not lead to the product; it is a candidate because its vector is near.")


def _terms(console: Console, rows: Sequence[tuple[float, str, str]]) -> None:
    table = make_table(">", "", "", show_header=False)
    for value, name, words in rows:
        table.add_row(f"{value:+.3f}", name, words)
    console.print(table)


def _parts(console: Console, title: str, parts: Sequence[CosinePart]) -> None:
    table = make_table(title, ">adds", ">length")
    table.columns[0].min_width = 40
    for part in sorted(parts, key=lambda part: -abs(part.cosine)):
        table.add_row(part.name, f"{part.cosine:+.3f}", f"{part.length:.2f}")
    console.print(table)


def _attention(console: Console, found: Explanation) -> None:
    attention = found.attention
    if attention is None:
        return
    if not attention.products:
        nothing = f"{found.verb} nothing in the query's categories before, so no history counts."
        console.print(f"\nUser {found.user_id} {nothing}", soft_wrap=True)
        return
    what = f"what user {found.user_id} {found.verb} in the categories of {attention.history_query!r}"
    console.print(f"\nAttention over {what}", soft_wrap=True)
    table = make_table(">weight", ">adds to the cosine", "product", "title", ">times", "last")
    table.add_row(f"{attention.nothing:.3f}", "", "", "nothing (the zero slot)", "", "")
    for one in attention.products[:_SHOWN]:
        last = f"{one.last_interacted:%Y-%m-%d}"
        table.add_row(f"{one.weight:.3f}", f"{one.cosine:+.3f}", str(one.product_id), one.title, f"{one.times_interacted:,}", last)
    others = attention.products[_SHOWN:]
    if others:
        weight, cosine = sum(one.weight for one in others), sum(one.cosine for one in others)
        table.add_row(f"{weight:.3f}", f"{cosine:+.3f}", "", f"{len(others)} others", "", "")
    console.print(table)


def _paths(console: Console, start: str, paths: Sequence[GraphPath]) -> None:
    console.print()
    if not paths:
        console.print(f"No path of at most three steps leads from {start} to the product.", soft_wrap=True)
        return
    console.print(f"Shortest paths from {start} to the product", soft_wrap=True)
    for path in paths:
        steps = [start]
        for step in path.steps:
            name = f"{step.to_type} {step.to_id!r}" if step.to_name is None else f"{step.to_id} {step.to_name!r}"
            steps.append(f"{step.words} {name}")
        console.print(f"  length {path.length:.1f}: {' -> '.join(steps)}", soft_wrap=True)


command = reporting(run_explanation, _render)
