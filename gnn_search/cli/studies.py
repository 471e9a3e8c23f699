"""Options and progress that the commands of studies share."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.progress import Progress
from rich.table import Table

from gnn_search.cli.options import PATH, json_option, out_option, path_option, threads_option
from gnn_search.cli.output import emit, error_console, progress

if TYPE_CHECKING:
    from gnn_search.config.studies import StudySettings
    from gnn_search.studies.plan import StudyRun
    from gnn_search.studies.result import RunResult, StudyReport
    from gnn_search.training.loop import StepReport

Function = TypeVar("Function", bound=Callable[..., Any])
AnySettings = TypeVar("AnySettings", bound="StudySettings")
AnyReport = TypeVar("AnyReport", bound="StudyReport")


def study_options(function: Function) -> Function:
    """Add the argument and the options of a study."""
    options = [
        click.argument("study"),
        path_option("--graph", "Graph folder, made by build-graph."),
        out_option("JSON file to be written."),
        click.option("--base", metavar="CONFIG", help="Training configuration to start from, in place of the study's."),
        click.option("--seeds", metavar="LIST", help="Seeds between commas, in place of the study's."),
        click.option("--cases", type=click.IntRange(min=1), metavar="N", help="Most cases to measure on, in place of the study's."),
        click.option("--only", multiple=True, metavar="NAME", help="Try this alone; may be repeated.  [default: all]"),
        click.option("--work", type=PATH, metavar="DIR", help="Where results are kept as they come.  [default: --out with .work]"),
        click.option("--keep", is_flag=True, help="Keep the models in --work."),
        threads_option,
        json_option,
    ]
    for option in reversed(options):
        function = option(function)
    return function


def read_seeds(text: str | None) -> list[int] | None:
    """Read seeds between commas."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"expected whole numbers between commas, got {text!r}", param_hint="--seeds")
    return [int(part) for part in parts]


def run_and_report(
    name: str,
    settings: type[AnySettings],
    run: Callable[..., AnyReport],
    tables: Callable[[AnyReport], list[Table]],
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
    as_json: bool,
) -> None:
    """Run a study with the options of `study_options`, write its report to `out` and show it.

    `run` trains and measures, and `tables` renders its report.
    """
    from gnn_search.graph.store import Graph
    from gnn_search.layout import refuse_existing, write_json

    refuse_existing(out)
    loaded = settings.load(study).changed(base=base, seeds=read_seeds(seeds), cases=cases)
    opened = Graph.open(graph)
    opened.verify()
    words = ["gnn-search", name, study, "--graph", str(graph), "--out", str(out)]
    for option, value in (("--base", base), ("--seeds", seeds), ("--cases", cases), *(("--only", one) for one in only)):
        words += [] if value is None else [option, str(value)]
    with progress("steps") as bars:
        watcher = StudyWatcher(bars)
        report = run(loaded, opened, work or out.with_suffix(".work"), watcher, command=shlex.join(words), only=only, keep=keep)
    write_json(out, report.model_dump(mode="json"))
    emit(report, as_json, lambda console: console.print(*tables(report)))


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
