"""`gnn-search evaluate`: the model beside the baselines, over the full catalogue."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.console import Console

from gnn_search.cli.audit import audit_first
from gnn_search.cli.options import (
    COUNT,
    PATH,
    audit_option,
    fusion_option,
    graph_option,
    min_score_option,
    path_argument,
    resamples_option,
    seed_option,
)
from gnn_search.cli.output import StageBars, error_console, progress, reporting

if TYPE_CHECKING:
    from gnn_search.evaluation.result import Evaluation


@path_argument("model")
@click.option("--cases", type=COUNT, metavar="N", help="Evaluate a seeded sample of N cases.  [default: all]")
@click.option("--split", type=click.Choice(["test", "validation"]), default="test", show_default=True, help="Period to evaluate.")
@click.option(
    "--baselines",
    default="quick",
    show_default=True,
    metavar="NAMES",
    help="Comma-separated baselines, or a group: quick (lists), all (with lightgcn and minilm, which take minutes), none.",
)
@click.option("--rival", "rivals", type=PATH, multiple=True, metavar="MODEL", help="Another model of the same graph; may be repeated.")
@click.option("--settings", type=PATH, metavar="DIR", help="Folder with NAME.yaml files that replace the baselines' shipped settings.")
@click.option("--slices", type=PATH, metavar="FILE", help="YAML file of further slices to report, declared as in a recipe.")
@click.option(
    "--perturbed",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    metavar="N",
    help="Also rank N queries a kind of small change: a letter left out, two swapped, plural or singular, words reordered, one dropped; "
    "0 for none.",
)
@click.option(
    "--typed", type=PATH, metavar="FILE", help="JSON lines of labelled queries, to see how many get products of their categories."
)
@resamples_option
@seed_option("Seed of the sample, resamples and tests.")
@graph_option
@click.option("--out", type=PATH, metavar="RUN", help="Also write a run folder: the result as JSON, and all cases and lists as Parquet.")
@fusion_option
@min_score_option
@audit_option
def run_evaluation(
    model: Path,
    cases: int | None = None,
    split: Literal["validation", "test"] = "test",
    n_resamples: int = 1000,
    seed: int = 0,
    graph: Path | None = None,
    *,
    baselines: str = "quick",
    rivals: Sequence[Path] = (),
    settings: Path | None = None,
    slices: Path | None = None,
    perturbed: int = 500,
    typed: Path | None = None,
    fusion: Path | None = None,
    min_score: str | None = None,
    audit: bool = True,
    out: Path | None = None,
    replace: bool = False,
) -> Evaluation:
    """Measure a model and the baselines on the test period.

    Every list is ranked from the whole catalogue, and no method sees events from the start of the period on. Intervals are 95 % bootstrap
    intervals over users, and differences are paired. Rivals are other trained models, such as those of the shipped configurations
    baselines/two_tower_text and baselines/two_tower_user; each goes by its configuration's name. With --min-score a further table shows
    precision and recall of the model's lists by vector, of at most 100 products with at least that similarity.

    How much a small change of the query costs is measured on a sample of the period's queries, for the same user and the same relevant
    products, by every method that answers any text. --typed measures queries that you label: a line of FILE is a JSON object with id,
    query, kind, and accept, a list of category paths (or beginnings of them, names joined by ' > ') that answer it. --out keeps every
    case with its lists, for compare.

    \b
    Example:
      gnn-search evaluate demo/model --cases 20000 --out demo/evaluation
      gnn-search evaluate demo/model --baselines recent_history,lightgcn --rival demo/two_tower_user
      gnn-search evaluate demo/model --typed my_queries.jsonl --perturbed 1000
    """
    from gnn_search.evaluation.evaluate_model import evaluate_model

    return evaluate_model(
        model,
        cases,
        split,
        n_resamples,
        seed,
        graph=graph,
        baselines=baselines,
        rivals=rivals,
        settings=settings,
        slices=slices,
        fusion=fusion,
        min_score=min_score,
        perturbed=perturbed,
        typed=typed,
        out=out,
        replace=replace,
        command=shlex.join(["gnn-search", *sys.argv[1:]]),
        check=lambda opened: audit_first(opened.graph, model) if audit else None,
        say=lambda sentence: error_console().print(f"Note: {sentence}", soft_wrap=True),
        progress=_bars,
    )


@contextmanager
def _bars(unit: str) -> Iterator[StageBars]:
    with progress(unit) as bars:
        yield StageBars(bars)


def _render(console: Console, evaluation: Evaluation) -> None:
    from gnn_search.evaluation.table import render_evaluation

    console.print(render_evaluation(evaluation))


command = reporting(run_evaluation, _render)
