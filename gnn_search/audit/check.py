"""Checks, their findings, and the report of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy.typing as npt
from pydantic import Field

from gnn_search.config.base import StrictModel

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MOST_EXAMPLES = 3

Example = dict[str, str | int | float | None]
"""One case by the shop's own ids, such as `{"user_id": 7, "product_id": "A1", "time": "2024-03-01 10:00:00"}`. Times are UTC."""


class Observation(StrictModel):
    """A fault that one check found.

    An error makes figures on this graph or model wrong; a warning may, or costs quality; a note is worth knowing when reading figures.
    """

    severity: Severity
    count: int = Field(description="How many of what `meaning` names.")
    meaning: str = Field(description="One sentence: what was found, and what it does to figures.")
    advice: str = Field(description="What to do.")
    examples: tuple[Example, ...] = Field((), description="At most three.")


def observe(
    severity: Severity, rows: npt.NDArray[Any], meaning: str, advice: str, examples: tuple[Example, ...] = ()
) -> Iterator[Observation]:
    """Yield an observation on some rows; nothing where there are none."""
    if len(rows):
        yield Observation(severity=severity, count=len(rows), meaning=meaning, advice=advice, examples=examples)


class Finding(Observation):
    """An observation with the name of its check."""

    check: str


class AuditReport(StrictModel):
    """All findings of an audit."""

    graph: str = Field(description="Folder of the graph.")
    graph_hash: str
    model: str | None = Field(description="Folder of the model; none where only the graph was audited.")
    model_hash: str | None
    findings: tuple[Finding, ...] = Field(description="Errors first, then warnings, then notes.")
    clean: dict[str, str] = Field(description="Checks that found nothing, and what each looked for.")
    skipped: dict[str, str] = Field(description="Checks that could not run, and why.")

    def of(self, *severities: Severity) -> list[Finding]:
        """Return the findings of some severities."""
        return [finding for finding in self.findings if finding.severity in severities]


def share(part: int, whole: int) -> str:
    """Return a share in words.

    >>> share(1, 8), share(1, 1000), share(1, 100000), share(0, 0)
    ('12.5 %', '0.1 %', 'under 0.01 %', '0 %')
    """
    percent = 100 * part / whole if whole else 0.0
    return "under 0.01 %" if 0 < percent < 0.01 else f"{percent:.3g} %"


Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One check on one kind of subject.

    Attributes:
        name: Shown with each finding.
        description: What it looks for, as a phrase.
        look: Yields faults; nothing where all is well.
        unless: Says why a subject can't be checked, None where it can.
    """

    name: str
    description: str
    look: Callable[[Subject], Iterable[Observation]]
    unless: Callable[[Subject], str | None] = lambda subject: None

    def find(self, subject: Subject) -> list[Finding]:
        """Return the faults of a subject under the check's name."""
        return [Finding(check=self.name, **seen.model_dump()) for seen in self.look(subject)]
