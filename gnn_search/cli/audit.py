"""`gnn-search audit`: leaks and faults in a graph and a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from gnn_search.cli.options import PATH, json_option, path_argument, threads_option
from gnn_search.cli.output import emit, error_console

if TYPE_CHECKING:
    from gnn_search.audit.check import AuditReport, Example, Finding
    from gnn_search.graph.store import Graph

FAILED = 1
"""Exit code when an error was found."""


class AuditFailure(click.ClickException):
    """An audit that found errors, as click prints it."""

    exit_code = FAILED


@click.command()
@path_argument("graph")
@click.argument("model", type=PATH, required=False)
@threads_option
@json_option
@click.pass_context
def command(ctx: click.Context, graph: Path, model: Path | None, as_json: bool) -> None:
    """Check for leaks and faults that make figures wrong.

    It reads the stored bytes, whatever code wrote them: events, edges, derived edges, and of a MODEL its tokenizer, weights and vectors. An
    error makes figures wrong, a warning may, a note is worth knowing. Exits with 1 when there is an error. train and evaluate run the
    audit first, unless given --no-audit.

    \b
    Example:
      gnn-search audit graph/
      gnn-search audit graph/ model/ --json
    """
    from gnn_search.audit.run import audit
    from gnn_search.graph.store import Graph

    opened = Graph.open(graph)
    opened.verify()
    report = audit(opened, model)
    emit(report, as_json, lambda console: _render(console, report))
    if report.of("error"):
        ctx.exit(FAILED)


def audit_first(graph: Graph, model: Path | None = None) -> None:
    """Audit before other work, and print warnings and errors on stderr.

    Raises:
        AuditFailure: There is an error.
    """
    from gnn_search.audit.run import audit

    report = audit(graph, model)
    for finding in report.of("error", "warning"):
        error_console().print(f"{finding.severity} ({finding.check}): {_in_words(finding)}", soft_wrap=True)
    errors = len(report.of("error"))
    if errors:
        found = "an error" if errors == 1 else f"{errors} errors"
        raise AuditFailure(f"the audit found {found}; correct what it names, or go on anyway with --no-audit")


def _render(console: Console, report: AuditReport) -> None:
    of = f"graph {report.graph}" + (f" and model {report.model}" if report.model else "")
    table = Table(title=f"audit of {of}", title_justify="left", show_lines=True)
    table.add_column("", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("count", no_wrap=True, justify="right")
    table.add_column("meaning, advice and examples", overflow="fold")
    for finding in report.findings:
        examples = [f"  {_example(example)}" for example in finding.examples]
        words = "\n".join([finding.meaning, f"→ {finding.advice}", *examples])
        table.add_row(finding.severity, finding.check, f"{finding.count:,}", words)
    if report.findings:
        console.print(table)
    _list(console, "found nothing:", report.clean)
    _list(console, "not checked:", report.skipped)
    counts = ((severity, len(report.of(severity))) for severity in ("error", "warning", "note"))
    console.print(", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts))


def _list(console: Console, title: str, checks: Mapping[str, str]) -> None:
    if checks:
        table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
        for name, words in checks.items():
            table.add_row(name, words)
        console.print(table)


def _in_words(finding: Finding) -> str:
    examples = "; ".join(_example(example) for example in finding.examples)
    return f"{finding.count:,}: {finding.meaning} {finding.advice}" + (f" Such as: {examples}" if examples else "")


def _example(example: Example) -> str:
    return ", ".join(f"{name} {'-' if value is None else value}" for name, value in example.items())
