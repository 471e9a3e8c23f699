"""`gnn-search audit`: leaks and faults in a graph and a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from gnn_search.cli.options import PATH, path_argument
from gnn_search.cli.output import error_console, reporting
from gnn_search.console_table import make_table

if TYPE_CHECKING:
    from gnn_search.audit.check import AuditReport, Example, Finding
    from gnn_search.graph.store import Graph


class AuditFailure(click.ClickException):
    """An audit that found errors, as click prints it, with exit code 1."""


@path_argument("graph")
@click.argument("model", type=PATH, required=False)
def run_audit(graph: Path, model: Path | None) -> AuditReport:
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
    return audit(opened, model)


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
    table = make_table("", "check", ">count", "meaning, advice and examples", title=f"audit of {of}", show_lines=True)
    for column in table.columns[:3]:
        column.no_wrap = True
    table.columns[3].overflow = "fold"
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
        table = make_table(title=title, box=None, show_header=False, pad_edge=False)
        for name, words in checks.items():
            table.add_row(name, words)
        console.print(table)


def _in_words(finding: Finding) -> str:
    examples = "; ".join(_example(example) for example in finding.examples)
    return f"{finding.count:,}: {finding.meaning} {finding.advice}" + (f" Such as: {examples}" if examples else "")


def _example(example: Example) -> str:
    return ", ".join(f"{name} {'-' if value is None else value}" for name, value in example.items())


command = reporting(run_audit, _render, failed=lambda report: bool(report.of("error")))
