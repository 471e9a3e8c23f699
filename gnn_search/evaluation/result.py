"""What an evaluation found, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import Field

from gnn_search.config.base import StrictModel


class Estimate(StrictModel):
    """A mean over cases with its 95 % bootstrap interval over shoppers."""

    mean: float
    low: float
    high: float
    cases: int = Field(description="Cases that count in the slice.")


class Score(Estimate):
    """How one method did in one slice by one measure."""

    method: str
    slice: str
    metric: str = Field(description="recall, ndcg or mrr.")
    k: int = Field(description="Cut-off of the list.")


class Difference(Score):
    """The reference minus one method on the same cases; `low` above zero says that the reference is better."""

    reference: str


class Cost(StrictModel):
    """What it took to rank all cases."""

    method: str
    wall_seconds: float
    cpu_seconds: float = Field(description="Of all threads of the process.")


class ThresholdScore(StrictModel):
    """How one method did with lists that end at a score."""

    method: str
    min_score: float
    k: int = Field(description="Longest list.")
    precision: Estimate | None = Field(description="Chosen products among all that were listed; none where nothing was.")
    recall: Estimate | None = Field(description="Mean share of a case's chosen products that were listed.")
    listed: float = Field(description="Mean length of the lists.")
    empty: float = Field(description="Share of the lists without a product.")


class Evaluation(StrictModel):
    """Every method in every slice by every measure."""

    graph: str = Field(description="Name of the graph.")
    graph_hash: str
    time: int = Field(description="Moment before which the methods saw the graph, microseconds since 1970 UTC.")
    cases: int
    users: int = Field(description="Distinct shoppers among the cases; a case without one counts as its own.")
    candidates: int = Field(description="Products that a list is drawn from: the whole catalogue.")
    k: tuple[int, ...]
    draws: int = Field(description="Bootstrap draws.")
    seed: int
    methods: tuple[str, ...]
    slices: tuple[str, ...]
    reference: str | None
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    costs: tuple[Cost, ...]
    threshold: ThresholdScore | None = None

    def score(self, method: str, slice_name: str, metric: str, k: int) -> Score:
        """Return one score.

        Raises:
            KeyError: There is none.
        """
        return _pick(self.scores, method, slice_name, metric, k)

    def difference(self, method: str, slice_name: str, metric: str, k: int) -> Difference:
        """Return the reference minus `method`.

        Raises:
            KeyError: There is none.
        """
        return _pick(self.differences, method, slice_name, metric, k)


_AnyScore = TypeVar("_AnyScore", bound=Score)


def _pick(scores: Iterable[_AnyScore], method: str, slice_name: str, metric: str, k: int) -> _AnyScore:
    for score in scores:
        if (score.method, score.slice, score.metric, score.k) == (method, slice_name, metric, k):
            return score
    raise KeyError(f"{method}, {slice_name}, {metric}@{k}")
