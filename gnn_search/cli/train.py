"""`gnn-search train`: train a retriever and keep its vectors."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.audit import audit_first
from gnn_search.cli.options import audit_option, json_option, out_option, path_option, threads_option
from gnn_search.cli.output import emit, error_console, progress

if TYPE_CHECKING:
    from gnn_search.training.loop import StepReport


@click.command()
@click.argument("config")
@path_option("--graph", "Graph folder, made by build-graph.")
@out_option("Model folder to be made.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in --out.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), help="In place of the configuration's.")
@click.option(
    "--tensorboard/--no-tensorboard",
    default=None,
    help="Write event files for TensorBoard beside metrics.jsonl.  [default: where the extra 'tensorboard' is installed]",
)
@audit_option
@threads_option
@json_option
def command(
    config: str, graph: Path, out: Path, resume: bool, seed: int | None, tensorboard: bool | None, audit: bool, as_json: bool
) -> None:
    """Train a retriever on a graph.

    CONFIG is the name of a shipped configuration or a YAML file. A killed run goes on with --resume to the same weights. The model folder
    also gets the vectors of every node as of the start of the test period, and metrics.jsonl, a row of numbers a step; 'tensorboard
    --logdir MODEL' shows the same as curves, while it trains too.

    \b
    Example:
      gnn-search train complete_journey --graph demo/graph --out demo/model
    """
    summary = run_training(config, graph, out, resume=resume, seed=seed, tensorboard=tensorboard, audit=audit)
    emit(summary, as_json, lambda console: _render(console, summary))


def run_training(
    config: str,
    graph: Path,
    out: Path,
    *,
    resume: bool = False,
    seed: int | None = None,
    tensorboard: bool | None = None,
    audit: bool = True,
) -> dict[str, Any]:
    """Audit the graph, train, save the model and its vectors, and return a summary.

    A seed stands in for the configuration's. Event files of TensorBoard are written where it is installed, unless told otherwise.
    """
    from gnn_search.config.training import TrainingConfig
    from gnn_search.graph.store import Graph
    from gnn_search.layout import ModelLayout
    from gnn_search.rerank.word_matches import save_matches
    from gnn_search.trained.model import open_model
    from gnn_search.trained.node_embeddings import encode_nodes, save_node_embeddings
    from gnn_search.training.checkpoint import remove_checkpoints
    from gnn_search.training.fit import fit_model

    settings = TrainingConfig.load(config)
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    opened = Graph.open(graph)
    opened.verify()
    if audit:
        audit_first(opened)
    board = any(distributions(name="tensorboard")) if tensorboard is None else tensorboard
    with progress("examples") as bars:
        watcher = _Watcher(bars)
        summary = fit_model(settings, opened, out, resume=resume, tensorboard=board, listener=watcher, say=error_console().print)
    layout = ModelLayout(out)
    if layout.checkpoint.exists():  # else the model was whole before
        model = open_model(out, graph)
        if model.reranker is not None and settings.reranker.words:
            save_matches(model.word_matcher.match_queries(), layout.word_matches)
        save_node_embeddings(model, encode_nodes(model, opened.manifest.test_start))
    remove_checkpoints(layout.checkpoint)
    return summary


class _Watcher:
    """Shows steps as a bar and validations as lines on stderr."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._task: Any = None
        self._pretraining: Any = None

    def __call__(self, report: StepReport) -> None:
        if report.pretraining:
            if self._pretraining is None:
                self._pretraining = self._bars.add_task("pre-training", total=report.total_steps * report.examples)
            self._bars.update(self._pretraining, advance=report.examples, description=f"pre-training  loss {report.loss:.3f}")
            return
        if self._task is None:
            done = (report.step - 1) * report.examples  # above 0 in a resumed run
            self._task = self._bars.add_task("training", total=report.total_steps * report.examples, completed=done)
        self._bars.update(self._task, advance=report.examples, description=f"training  loss {report.loss:.3f}")
        if report.recall is not None:
            self._bars.console.print(
                f"step {report.step:,} of {report.total_steps:,}: validation recall@10 {report.recall:.4f}, loss {report.loss:.3f}, "
                f"{report.rate:,.0f} examples/s, {report.waiting:.1%} of the time waiting for batches"
            )


def _in_words(negative: dict[str, Any]) -> str:
    study = negative["study"]
    return (
        f"{negative['draws']:,} drawn, {negative['share_masked']:.2%} masked, {negative['share_fallbacks']:.2%} fell back, "
        f"{negative['cpu_seconds_per_million']:,.2f} CPU s a million; {study['share_above_positive']:.1%} score above the positive, "
        f"{study['same_query']['share_of_observed']:.2%} were chosen for the query later"
    )


def _render(console: Console, summary: dict[str, Any]) -> None:
    table = Table(title="training", title_justify="left", show_header=False)
    table.add_row("model", summary["model"])
    table.add_row("steps", f"{summary['steps']:,} of {summary['steps_planned']:,}, best at {summary['best_step']:,}")
    table.add_row("validation recall@10", f"{summary['validation_recall_at_10']:.4f}")
    table.add_row("examples", f"{summary['examples']:,} in {summary['seconds']:,.0f} s, {summary['examples_per_second']:,} a second")
    table.add_row("waiting for batches", f"{summary['share_waiting_for_batches']:.1%} of the time")
    table.add_row("parameters", f"{summary['parameters']:,}")
    for negative in summary["negatives"]:
        table.add_row(f"negatives: {negative['kind']}", _in_words(negative))
    if summary["reranker"] is not None:
        recall = summary["reranker"]["validation_recall_at_10"]
        table.add_row(
            "reranked, validation recall@10",
            f"{recall['reranked']:.4f}; candidates alone {recall['graph']:.4f}, vectors alone {recall['vector']:.4f} "
            f"({summary['reranker']['cases']:,} cases, each scored by a fit on other users)",
        )
    console.print(table)
    error_console().print(f"next: gnn-search evaluate {summary['model']}")
