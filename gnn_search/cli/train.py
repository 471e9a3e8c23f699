"""`gnn-search train`: train a retriever and keep its vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from gnn_search.cli.audit import audit_first
from gnn_search.cli.options import audit_option, out_option, path_option
from gnn_search.cli.output import StageBars, error_console, progress, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.training.loop import StepReport


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
    """Train a retriever on a graph.

    CONFIG is the name of a shipped configuration or a YAML file. A killed run goes on with --resume to the same weights. The model folder
    also gets the vectors of every node as of the start of the test period, and metrics.jsonl, a row of numbers a step; 'tensorboard
    --logdir MODEL' shows the same as curves, while it trains too.

    \b
    Example:
      gnn-search train complete_journey --graph demo/graph --out demo/model
    """
    from gnn_search.config.training import TrainingConfig
    from gnn_search.graph.store import Graph
    from gnn_search.training.fit import train_model

    settings = TrainingConfig.load(config)
    opened = Graph.open(graph)
    opened.verify()
    if audit:
        audit_first(opened)
    with progress("examples") as bars:
        show, say = StageBars(bars), error_console().print

        def listen(step: StepReport) -> None:
            stage = "pre-training" if step.pretraining else "training"
            show(stage, step.step * step.examples, step.total_steps * step.examples, f"  loss {step.loss:.3f}")
            if step.recall is not None:
                bars.console.print(
                    f"step {step.step:,} of {step.total_steps:,}: validation recall@10 {step.recall:.4f}, loss {step.loss:.3f}, "
                    f"{step.rate:,.0f} examples/s, {step.waiting:.1%} of the time waiting for batches"
                )

        return train_model(
            settings, opened, out, resume=resume, seed=seed, tensorboard=tensorboard, listener=listen, say=say, progress=show
        )


def _in_words(negative: dict[str, Any]) -> str:
    study = negative["study"]
    return (
        f"{negative['draws']:,} drawn, {negative['share_masked']:.2%} masked, {negative['share_fallbacks']:.2%} fell back, "
        f"{negative['cpu_seconds_per_million']:,.2f} CPU s a million; {study['share_above_positive']:.1%} score above the positive, "
        f"{study['same_query']['share_of_observed']:.2%} are positive for the query later"
    )


def _render(console: Console, summary: dict[str, Any]) -> None:
    table = make_table(title="training", show_header=False)
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


command = reporting(run_training, _render)
