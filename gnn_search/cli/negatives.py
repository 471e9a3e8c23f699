"""`gnn-search negatives`: what each sampler of negatives draws, why, how hard and how wrong it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from gnn_search.cli.options import graph_option, path_argument
from gnn_search.cli.output import reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.training.negative_examples import QueryNegatives

_KINDS = ("in_batch", "uniform", "taxonomy", "in_batch_hard", "dynamic", "bm25", "low_grade")
_STEPS = 3
"""Batches drawn to count and time."""


@path_argument("model")
@click.option("--query", metavar="TEXT", help="Show what is drawn against the latest interaction for this query.")
@click.option("--user", metavar="ID", help="With --query: of this user.")
@click.option("-k", "k", type=click.IntRange(1, 64), default=5, show_default=True, help="With --query: negatives of each sampler.")
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Sampler, repeatable.  [default: those of the model]")
@graph_option
def run_negatives(
    model: Path, query: str | None, user: str | None, k: int, kinds: tuple[str, ...], graph: Path | None
) -> QueryNegatives | dict[str, Any]:
    """Show the negatives that a model is trained with.

    With --query, products that each sampler draws against the latest interaction for the query, with the reason: the path through the
    category tree, the place in a list, and the steps between the two categories. Without, a table of all samplers by this model: how many
    draws are masked or fall back, how hard they are (cosine of the positive minus that of the negative), how many score above the positive,
    how many are positive in the validation period (false negatives, of those whose query came up then), and CPU seconds a million.

    A kind that the model was not trained with is drawn with default settings. Lists of `dynamic` negatives are made by the model as it is.

    \b
    Example:
      gnn-search negatives demo/model --query "frozen pizza" --kind taxonomy --kind dynamic
      gnn-search negatives demo/model
    """
    if user is not None and query is None:
        raise click.UsageError("--user needs --query: whose interaction for which query?")
    return run_summary(model, kinds, graph) if query is None else _draw_for_query(model, query, user, k, kinds, graph)


def _draw_for_query(model: Path, query: str, user: str | None, k: int, kinds: tuple[str, ...], graph: Path | None) -> QueryNegatives:
    """Draw negatives against the latest interaction for a query."""
    from gnn_search.errors import RequestError
    from gnn_search.graph.id_lookup import IdLookup
    from gnn_search.model.node_encoder import NodeEncoder
    from gnn_search.sampling.batches import BatchSampler
    from gnn_search.tables.text import normalise_text
    from gnn_search.trained.model import open_model
    from gnn_search.training.negative_examples import choose_negatives, show_negatives

    opened = open_model(model, graph)
    node = None if user is None else int(IdLookup(opened.graph.nodes("user").to_series(0)).find_values([user])[0])
    if node == -1:
        raise RequestError(f"there is no user {user!r} in the graph {opened.graph.path}; give the shop's own id, or leave --user out")
    trained = [negative.kind for negative in opened.config.negatives]
    batches = BatchSampler(opened.graph, choose_negatives(opened.config, kinds, k))
    encoder = NodeEncoder(opened.towers, opened.inputs, opened.graph.before(opened.graph.manifest.validation_start))
    return show_negatives(encoder, batches, normalise_text(query), node, k, trained, kinds or trained)


def run_summary(model: Path, kinds: tuple[str, ...] = (), graph: Path | None = None) -> dict[str, Any]:
    """Study the samplers of a model, and draw with them once more to count and time."""
    from gnn_search.arrays import sorted_unique
    from gnn_search.model.node_encoder import NodeEncoder
    from gnn_search.sampling.batches import BatchSampler
    from gnn_search.trained.model import open_model
    from gnn_search.training.mining import mine
    from gnn_search.training.negative_examples import choose_negatives
    from gnn_search.training.negative_study import study_negatives

    opened = open_model(model, graph)
    config = choose_negatives(opened.config, kinds)
    batches = BatchSampler(opened.graph, config)
    encoder = NodeEncoder(opened.towers, opened.inputs, opened.graph.before(opened.graph.manifest.validation_start))
    if batches.negatives.dynamic is not None:
        mine(batches.negatives.dynamic, encoder, sorted_unique(batches.examples.query))
    # Weights and levels are those of the end of a run.
    for number in range(max(0, batches.total_steps - _STEPS), batches.total_steps):
        batches.make(*divmod(number, batches.steps_per_epoch))
    studies = {study.kind: study for study in study_negatives(encoder, batches)}
    wanted = kinds or tuple(negative.kind for negative in opened.config.negatives)
    described = {one["kind"]: one for one in batches.negatives.describe()}
    return {"model": str(model), "samplers": [{**described[kind], "study": studies[kind].model_dump()} for kind in wanted]}


def _render(console: Console, found: QueryNegatives | dict[str, Any]) -> None:
    if isinstance(found, dict):
        _render_summary(console, found)
    else:
        _render_query(console, found)


def _render_query(console: Console, shown: QueryNegatives) -> None:
    whose = "an anonymous user" if shown.user_id is None else f"user {shown.user_id}"
    positive = shown.positive
    console.print(f"{shown.query!r}: {whose} and {positive.product_id} {positive.title} ({positive.category}), score {positive.score:.3f}")
    for sampler in shown.samplers:
        note = "" if sampler.taught else " (the model was not trained with it)"
        table = make_table("product", "title", ">score", ">steps", "", "why", title=sampler.kind + note)
        for one in sampler.negatives:
            mark = "known, masked" if one.masked else "positive later" if one.positive_later else ""
            steps = "" if one.category_distance is None else str(one.category_distance)
            table.add_row(str(one.product_id), one.title, f"{one.score:.3f}", steps, mark, one.reason)
        console.print(table)


def _render_summary(console: Console, summary: dict[str, Any]) -> None:
    rates = (">negatives", ">masked", ">fell back", ">hardness", ">above positive", ">positive later", ">by same user")
    table = make_table("sampler", *rates, ">CPU s/million", ">index CPU s", title="negatives")
    for one in summary["samplers"]:
        study = one["study"]
        table.add_row(
            one["kind"],
            f"{study['negatives']:,}",
            f"{study['share_masked']:.2%}",
            f"{one['share_fallbacks']:.2%}",
            f"{study['mean_hardness']:.3f}",
            f"{study['share_above_positive']:.2%}",
            f"{study['same_query']['share_of_observed']:.2%}",
            f"{study['same_user_query']['share_of_observed']:.3%}",
            f"{1e6 * one['drawing_cpu_seconds'] / max(one['draws'], 1):,.2f}",
            f"{one['index_cpu_seconds']:,.2f}",
        )
    table.caption = (
        "hardness: mean cosine of the positive minus that of the negative. positive later: share of the negatives whose query came up in "
        "the validation period that are positive for it then. CPU s/million: drawing and masking; indices and lists stand beside it."
    )
    console.print(table)


command = reporting(run_negatives, _render)
