"""`gnn-search ablate` and `gnn-search compare-negatives`: studies of many trainings."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.progress import Progress

from gnn_search.cli.options import COUNT, PATH, out_option, path_option, together
from gnn_search.cli.output import error_console, progress, reporting

if TYPE_CHECKING:
    from gnn_search.config.studies import StudySettings
    from gnn_search.studies.result import NegativesReport, RunResult, StudyReport
    from gnn_search.studies.runs import StudyRun
    from gnn_search.training.loop import StepReport

_Report = TypeVar("_Report", bound="StudyReport")

study_options = together(
    click.argument("study"),
    path_option("--graph", "Graph folder, made by build-graph."),
    out_option("JSON file to be written."),
    click.option("--base", metavar="CONFIG", help="Training configuration to start from, in place of the study's."),
    click.option("--seeds", metavar="LIST", help="Seeds between commas, in place of the study's."),
    click.option("--cases", type=COUNT, metavar="N", help="Most cases to measure on, in place of the study's."),
    click.option("--only", multiple=True, metavar="NAME", help="Try this alone; may be repeated.  [default: all]"),
    click.option("--work", type=PATH, metavar="DIR", help="Where results are kept as they come.  [default: --out with .work]"),
    click.option("--keep", is_flag=True, help="Keep the models in --work."),
)


@study_options
def run_ablation(**options: Any) -> StudyReport:
    """Show what each part of a configuration contributes.

    STUDY is the name of a shipped study or a YAML file: a base, seeds, and variants by name, each a change to the base. All are measured on
    the same validation cases, over the whole catalogue, without those that the reranker was fitted on. Each run's result is kept in --work
    at once, so a killed study resumes. Differences are variant minus base, with 95 % bootstrap intervals over users.

    \b
    Example:
      gnn-search ablate ablation --graph demo/graph --out ablation.json
      gnn-search ablate ablation --graph demo/graph --out look.json --only 'without text' --seeds 0
    """
    from gnn_search.config.studies import AblationSettings
    from gnn_search.studies.ablation import ablate

    return _run_study("ablate", AblationSettings, ablate, **options)


@study_options
def run_negatives_study(**options: Any) -> NegativesReport:
    """Show what mixes of negatives reach and cost.

    STUDY is the name of a shipped study or a YAML file: a base, seeds, and mixes of negatives by name. All are measured on the same
    validation cases, over the whole catalogue, by vectors alone. It shows recalls, the cost of mining, how often a negative is
    positive later, and the steps and seconds to the validation recalls that the study names. A killed study resumes.

    \b
    Example:
      gnn-search compare-negatives negatives --graph demo/graph --out negatives.json
      gnn-search compare-negatives negatives --graph demo/graph --out look.json --only ance --only tb_hns --seeds 0
    """
    from gnn_search.config.studies import NegativesStudySettings
    from gnn_search.studies.negatives import compare_negatives

    return _run_study("compare-negatives", NegativesStudySettings, compare_negatives, **options)


def _run_study(
    name: str,
    settings: type[StudySettings],
    run: Callable[..., _Report],
    *,
    study: str,
    graph: Path,
    out: Path,
    base: str | None,
    seeds: str | None,
    cases: int | None,
    only: tuple[str, ...],
    work: Path | None,
    keep: bool,
) -> _Report:
    """Run a study with the options of `study_options` and write its report to `out`; `run` trains and measures."""
    from gnn_search.graph.store import Graph
    from gnn_search.layout import refuse_existing, write_json

    refuse_existing(out)
    loaded = settings.load(study).changed(base=base, seeds=_read_seeds(seeds), cases=cases)
    opened = Graph.open(graph)
    opened.verify()
    words = ["gnn-search", name, study, "--graph", str(graph), "--out", str(out)]
    for option, value in (("--base", base), ("--seeds", seeds), ("--cases", cases), *(("--only", one) for one in only)):
        words += [] if value is None else [option, str(value)]
    with progress("steps") as bars:
        watcher = StudyWatcher(bars)
        report = run(loaded, opened, work or out.with_suffix(".work"), watcher, command=shlex.join(words), only=only, keep=keep)
    write_json(out, report.model_dump(mode="json"))
    return report


def _read_seeds(text: str | None) -> list[int] | None:
    """Read seeds between commas."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"expected whole numbers between commas, got {text!r}", param_hint="--seeds")
    return [int(part) for part in parts]


class StudyWatcher:
    """Shows the runs of a study as lines on stderr, and the current training as a bar."""

    def __init__(self, bars: Progress) -> None:
        self._bars, self._say = bars, error_console().print
        self._task: Any = None
        self._left = self._ended = 0
        self._began = time.perf_counter()

    def planned(self, runs: int, done: int) -> None:
        self._left = runs - done
        self._say(f"{runs} runs, {done} of them done before")

    def started(self, run: StudyRun) -> None:
        self._task = self._bars.add_task(f"{run.name}, seed {run.seed}", total=None)

    def stepped(self, report: StepReport) -> None:
        if not report.pretraining:
            self._bars.update(self._task, completed=report.step, total=report.total_steps)

    def ended(self, result: RunResult) -> None:
        self._bars.remove_task(self._task)
        self._left, self._ended = self._left - 1, self._ended + 1
        minutes = (time.perf_counter() - self._began) / self._ended * self._left / 60
        recalls = {channel: result.recall(channel, min(result.k)) for channel in ("reranked", "vector", "graph")}
        found = ", ".join(f"{channel} {recall:.4f}" for channel, recall in recalls.items() if recall is not None)
        self._say(
            f"{result.name}, seed {result.seed}: recall@{min(result.k)} {found} on {result.cases:,} cases, {result.seconds:,.0f} s; "
            f"{self._left} left, about {minutes:,.0f} min"
        )


def _print_tables(console: Console, report: StudyReport) -> None:
    from gnn_search.studies.tables import study_tables

    console.print(*study_tables(report))


ablate_command = reporting(run_ablation, _print_tables)
negatives_command = reporting(run_negatives_study, _print_tables)
