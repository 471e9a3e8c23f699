"""The one place where commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import to_json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

PLAIN_WIDTH = 140
"""Columns of a table or paragraph that goes to a file or a pipe."""


def emit(result: BaseModel | Mapping[str, Any], as_json: bool, render: Callable[[Console], None]) -> None:
    """Write a command's result to stdout.

    Args:
        result: What the command found. Paths and times become strings, and what is no number becomes null.
        as_json: Write `result` as indented JSON; else call `render`.
        render: Writes the same for a reader.
    """
    if as_json:
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
def progress(unit: str = "rows") -> Iterator[Progress]:
    """Show bars on stderr with rate and time left; show nothing when stderr is no terminal.

    Args:
        unit: What is counted, as a plural.

    Yields:
        A rich `Progress`: `add_task(description, total=...)`, then `advance(task, amount)`.
    """
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
        disable=not sys.stderr.isatty(),
    )
    with bars:
        yield bars


class RateColumn(ProgressColumn):
    """How many units a second are done."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate, or a blank before it is known."""
        speed = task.finished_speed or task.speed
        if speed is None:
            return Text("")
        return Text(f"{speed:,.0f} {self.unit}/s" if speed >= 10 else f"{speed:.2g} {self.unit}/s")


def _console(*, stderr: bool) -> Console:
    # Titles and queries are the shop's own text: "[red]" or ":smile:" in one is no markup.
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
