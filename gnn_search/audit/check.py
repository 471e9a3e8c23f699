"""A check: its name, what it looks for, and the function that looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gnn_search.audit.finding import Finding, Observation

Subject = TypeVar("Subject")
Look = Callable[[Subject], Iterable[Observation]]


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One check on one kind of subject.

    Attributes:
        name: By which findings are told apart.
        looks_for: What it looks for, as a phrase.
        look: Yields what it sees; nothing where all is well.
        unless: Says why a subject can't be checked, None where it can.
    """

    name: str
    looks_for: str
    look: Look[Subject]
    unless: Callable[[Subject], str | None] = lambda subject: None

    def find(self, subject: Subject) -> list[Finding]:
        """Look, and put the check's name on what was seen."""
        return [Finding(check=self.name, **seen.model_dump()) for seen in self.look(subject)]
