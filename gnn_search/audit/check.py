"""Checks: a name, what is looked for, and the function that looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gnn_search.audit.check import Finding, Observation

Subject = TypeVar("Subject")
Look = Callable[[Subject], Iterable[Observation]]


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One check on one kind of subject.

    Attributes:
        name: Shown with each finding.
        looks_for: What it looks for, as a phrase.
        look: Yields faults; nothing where all is well.
        unless: Says why a subject can't be checked, None where it can.
    """

    name: str
    looks_for: str
    look: Look[Subject]
    unless: Callable[[Subject], str | None] = lambda subject: None

    def find(self, subject: Subject) -> list[Finding]:
        """Return the faults of a subject under the check's name."""
        return [Finding(check=self.name, **seen.model_dump()) for seen in self.look(subject)]
