"""What a comparison of runs found, as JSON."""

from __future__ import annotations

from pydantic import Field

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Difference, Score


class Entry(StrictModel):
    """One method of one run; scores and differences call it by its mark."""

    mark: str = Field(description="a, b, c, …")
    run: str = Field(description="Folder of the run.")
    method: str


class Wins(StrictModel):
    """How many cases each of two methods is better in."""

    later: str = Field(description="Mark of the one.")
    earlier: str = Field(description="Mark of the other.")
    metric: str
    k: int
    wins: int = Field(description="Cases in which the later one is better.")
    ties: int
    losses: int


class ListedProduct(StrictModel):
    """A product of a list."""

    product_id: str
    title: str
    chosen: bool


class MovedCase(StrictModel):
    """A case that one method answers much better or worse than another."""

    later: str
    earlier: str
    case: int
    user_id: str | None
    query: str
    chosen: tuple[ListedProduct, ...]
    value_later: float
    value_earlier: float
    list_later: tuple[ListedProduct, ...]
    list_earlier: tuple[ListedProduct, ...]


class Comparison(StrictModel):
    """Methods of runs over the same cases. A difference is that of its `reference`, the later mark, minus that of its `method`."""

    graph: str
    graph_hash: str
    time: int
    cases: int
    users: int
    draws: int
    seed: int
    metric: str = Field(description="By which cases are counted and moved, and slices compared.")
    k: int
    entries: tuple[Entry, ...]
    slices: tuple[str, ...]
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    wins: tuple[Wins, ...]
    gained: tuple[MovedCase, ...] = Field(description="The cases that a later method answers better by most.")
    lost: tuple[MovedCase, ...]

    def beaten(self, mark: str, metric: str, k: int) -> list[str]:
        """Return the marks that one beats significantly, after Holm's correction, over all cases."""
        marks = []
        for one in self.differences:
            if (one.slice, one.metric, one.k) == (self.slices[0], metric, k) and one.significant:
                winner, loser = (one.reference, one.method) if one.mean > 0 else (one.method, one.reference)
                if winner == mark:
                    marks.append(loser)
        return sorted(marks)
