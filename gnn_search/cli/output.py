"""The one place where commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import to_json
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from gnn_search.cli.options import json_option, threads_option

PLAIN_WIDTH = 140
"""Columns of a table or paragraph that goes to a file or a pipe."""
SECONDS_A_LINE = 10.0
"""Seconds between two lines of progress in a log file."""


class Usage(BaseModel):
    """Seconds by the clock and of the CPU, and the most memory that the process has held, in bytes."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int

    def in_words(self) -> str:
        """Return one line for a reader."""
        return f"{self.wall_seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU, at most {self.peak_memory_bytes / 1e9:.2f} GB of memory"


class Meter:
    """Measures from its making on; memory from the start of the process."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Usage:
        """Return what has been used so far."""
        # Linux counts in KiB, macOS in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return Usage(wall_seconds=time.perf_counter() - self._wall, cpu_seconds=time.process_time() - self._cpu, peak_memory_bytes=peak)


def reporting(
    run: Callable[..., Any], render: Callable[[Console, Any], object], *, failed: Callable[[Any], bool] = lambda result: False
) -> click.Command:
    """Make a command of a function that returns its result, with `--threads` and `--json` after the function's own options.

    Args:
        run: Decorated with its options; its docstring is the help.
        render: Writes the result for a reader.
        failed: Whether a result means exit code 1.
    """

    @wraps(run)
    def command(as_json: bool, **options: Any) -> None:
        result = run(**options)
        emit(result, as_json, lambda console: render(console, result))
        if failed(result):
            click.get_current_context().exit(1)

    own = list(getattr(run, "__click_params__", ()))
    command.__click_params__ = []  # type: ignore[attr-defined]
    made = click.command()(threads_option(json_option(command)))
    made.params[:0] = reversed(own)
    return made


def emit(result: Any, as_json: bool, render: Callable[[Console], object]) -> None:
    """Write a command's result to stdout.

    Args:
        result: What the command found. Paths and times become strings, and what is no number becomes null.
        as_json: Write `result` as indented JSON; else call `render`.
        render: Writes the same for a reader.
    """
    if as_json:
        result = result.to_json() if hasattr(result, "to_json") else result
        click.echo(to_json(result, indent=2, inf_nan_mode="null").decode())
    else:
        render(console())


def console() -> Console:
    """Return a console on stdout, for results."""
    return _console(stderr=False)


def error_console() -> Console:
    """Return a console on stderr, for progress and remarks."""
    return _console(stderr=True)


@contextmanager
def progress(unit: str = "rows", clock: Callable[[], float] = time.monotonic) -> Iterator[Progress]:
    """Show bars on stderr with rate and time left; where stderr is no terminal, print a line every ten seconds instead.

    Args:
        unit: What is counted, as a plural.
        clock: Returns the time in seconds.

    Yields:
        A rich `Progress`: `add_task(description, total=...)`, then `advance(task, amount)`.
    """
    if not sys.stderr.isatty():
        yield ProgressLines(unit, clock)
        return
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        console=error_console(),
        transient=True,
    )
    with bars:
        yield bars


class ProgressLines(Progress):
    """Progress for log files: at most one line in `SECONDS_A_LINE`, so work that is done sooner prints nothing.

    Args:
        unit: What is counted, as a plural.
        clock: Returns the time in seconds.
    """

    def __init__(self, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console=error_console(), disable=True, get_time=clock)
        self._unit, self._clock, self._printed_at = unit, clock, clock()

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """See `rich.progress.Progress.update`."""
        super().update(task_id, **changes)
        self._print_when_due(self._tasks[task_id])

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """See `rich.progress.Progress.advance`."""
        super().advance(task_id, advance)
        self._print_when_due(self._tasks[task_id])

    def _print_when_due(self, task: Task) -> None:
        if self._clock() - self._printed_at < SECONDS_A_LINE:
            return
        self._printed_at = self._clock()
        done = f"{task.completed:,.0f}" if task.total is None else f"{task.completed:,.0f} of {task.total:,.0f}"
        parts = [f"{task.description}: {done} {self._unit}", _rate(task, self._unit)]
        if task.time_remaining:
            parts.append(f"{timedelta(seconds=round(task.time_remaining))} left")
        self.console.print(", ".join(part for part in parts if part), soft_wrap=True)


class StageBars:
    """A bar for each stage; what was done when a stage is first shown does not count towards its rate."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        if stage in self._tasks:
            self._bars.update(self._tasks[stage], completed=done, total=total, description=stage + note)
        else:
            self._tasks[stage] = self._bars.add_task(stage, total=total, completed=done)


class RateColumn(ProgressColumn):
    """How many units a second are done."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate, or a blank before it is known."""
        return Text(_rate(task, self.unit))


def _rate(task: Task, unit: str) -> str:
    speed = task.finished_speed or task.speed
    if not speed:
        return ""
    return f"{speed:,.0f} {unit}/s" if speed >= 10 else f"{speed:.2g} {unit}/s"


def _console(*, stderr: bool) -> Console:
    # Titles and queries are the shop's own text: "[red]" or ":smile:" in one is no markup.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
