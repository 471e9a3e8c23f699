"""What was found on new words, as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gnn_search.config.base import StrictModel

ALL_KINDS = "all"
"""The kind of typed queries under which those of every kind stand together."""


class MeanInterval(StrictModel):
    """A mean, or a ratio of means, with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


class PerturbedKind(StrictModel):
    """What became of the distinct queries of the cases by one kind of change."""

    kind: str
    unchanged: int = Field(description="Queries that it can't change.")
    in_log: int = Field(description="Queries that it makes another query of the log of; they are left out.")
    changed: int = Field(description="All others.")
    sampled: int = Field(description="Those of them that were ranked, one case each.")
    examples: tuple[tuple[str, str], ...] = Field(description="Some queries, before and after.")


class PerturbedScore(StrictModel):
    """How one method does on queries before and after one kind of change; user and relevant products stay the same."""

    method: str
    kind: str
    cases: int
    recall: MeanInterval = Field(description="Of the queries as they were.")
    perturbed_recall: MeanInterval
    kept: MeanInterval | None = Field(description="The second divided by the first; none where that is 0.")
    none: MeanInterval | None = Field(
        description="Share of lists whose first places hold no product of a category of the query's own positive products, known or of the "
        "period; none where no query has one. Of the queries as they were."
    )
    perturbed_none: MeanInterval | None


class PerturbedResult(StrictModel):
    """Every kind of change by every method that answers any text."""

    k: int = Field(description="Places of the lists that count.")
    queries: int = Field(description="Distinct queries of the cases.")
    limit: int = Field(description="Most queries a kind.")
    kinds: tuple[PerturbedKind, ...]
    scores: tuple[PerturbedScore, ...]

    def score(self, method: str, kind: str) -> PerturbedScore | None:
        """Return one score, None where there is none."""
        return next((one for one in self.scores if (one.method, one.kind) == (method, kind)), None)

    def methods(self) -> list[str]:
        """Return the methods that were measured, in their order."""
        return list(dict.fromkeys(one.method for one in self.scores))


class TypedScore(StrictModel):
    """How one method does on the labelled queries of one kind, or of all."""

    method: str
    kind: str
    queries: int
    good: MeanInterval = Field(
        description="Share of the first places with a product of an accepted category; a missing product counts as wrong."
    )
    none: MeanInterval = Field(description="Share of queries with no such product in the first places.")


class TypedResult(StrictModel):
    """Labelled queries by every method that answers any text, as typed by nobody in particular."""

    k: int = Field(description="Places of the lists that count.")
    queries: int
    in_log: int = Field(description="Those of them that are queries of the log.")
    unknown_paths: int = Field(description="Accepted categories that the graph does not hold.")
    unanswerable: int = Field(description="Queries of which it holds none.")
    kinds: tuple[str, ...] = Field(description=f"'{ALL_KINDS}' first.")
    scores: tuple[TypedScore, ...]

    def score(self, method: str, kind: str = ALL_KINDS) -> TypedScore | None:
        """Return one score, None where there is none."""
        return next((one for one in self.scores if (one.method, one.kind) == (method, kind)), None)

    def methods(self) -> list[str]:
        """Return the methods that were measured, in their order."""
        return list(dict.fromkeys(one.method for one in self.scores))


class NewWordDifference(MeanInterval):
    """One method minus another on the same new words."""

    later: str = Field(description="Mark of the one.")
    earlier: str = Field(description="Mark of the other.")
    part: Literal["perturbed", "typed"]
    kind: str
    metric: Literal["recall", "good", "none"] = Field(description="Of the perturbed queries after the change, or of the labelled ones.")
    queries: int
    value_earlier: float = Field(description="Mean of the other.")
