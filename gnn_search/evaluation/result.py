"""What an evaluation or a comparison found, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from pydantic import Field

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.robustness.result import NewWordDifference, PerturbedResult, PerturbedScore, TypedResult, TypedScore
from gnn_search.evaluation.significance import LEVEL


class Estimate(StrictModel):
    """A mean over cases with its 95 % bootstrap interval over users."""

    mean: float
    low: float
    high: float
    cases: int = Field(description="Cases that count in the slice.")


class Score(Estimate):
    """How one method did in one slice by one measure."""

    method: str
    slice: str
    metric: str = Field(
        description="recall, precision, ndcg, mrr, map or hit_rate; ndcg:graded, where a purchase counts more than a click, or a "
        "judged pair as its grade is worth; recall:ACTION "
        "and recall:spend, offline proxies of add-to-cart rate (cart), conversion (purchase) and order value (spend); diversity (mean "
        "steps over the category tree between two products of a list), novelty (bits), repeat_share (of a list, not new to the user)."
    )
    k: int = Field(description="Cut-off of the list.")
    users: int = Field(description="Users who have these cases; a case without one counts as its own.")


class Difference(Score):
    """The reference minus one method on the same cases; `low` above zero says that the reference is better."""

    reference: str
    p_value: float | None = Field(None, description="Of a paired permutation test over users; none where not tested.")
    p_adjusted: float | None = Field(None, description="The same by Holm's correction over all tests of this metric at this cut-off.")
    effect_size: float | None = Field(None, description="Mean of the users' differences divided by their standard deviation (Cohen's d).")
    detectable: float | None = Field(None, description="Smallest true difference that these cases would show in four of five tries.")

    @property
    def significant(self) -> bool:
        """Whether the difference stands at the level of 5 % after Holm's correction."""
        return self.p_adjusted is not None and self.p_adjusted < LEVEL


class Coverage(StrictModel):
    """How much of the catalogue one method's lists show."""

    method: str
    k: int = Field(description="Places of the lists that count.")
    products: int = Field(description="Distinct products in them, over all cases.")
    share: float = Field(description="Of the catalogue.")


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
    precision: Estimate | None = Field(description="Share of all listed products that are relevant; none where nothing was listed.")
    recall: Estimate | None = Field(description="Mean share of a case's relevant products that were listed.")
    listed: float = Field(description="Mean length of the lists.")
    empty: float = Field(description="Share of the lists without a product.")


class Manifest(StrictModel):
    """Where a run comes from, so that it can be made again and told apart from others."""

    format_version: int
    command: str
    split: str = Field(description="Period of the cases: test or validation.")
    limit: int | None = Field(description="Most cases that were kept; none for all.")
    cases_hash: str = Field(description="Of all users, queries and relevant products; runs with the same hash can be compared.")
    graph: str = Field(description="Folder of the graph.")
    model: str = Field(description="Folder of the model.")
    model_name: str = Field(description="Of its configuration.")
    model_hash: str
    rivals: dict[str, str] = Field(description="Hash of each further model, by name.")
    machine: dict[str, Any] = Field(description="Processor, threads, and versions of Python and the libraries.")


class Evaluation(StrictModel):
    """Every method in every slice by every measure."""

    graph: str = Field(description="Name of the graph.")
    graph_hash: str
    time: int = Field(description="The methods saw the graph as of then, microseconds since 1970 UTC.")
    cases: int
    users: int = Field(description="Distinct users among the cases; a case without one counts as its own.")
    candidates: int = Field(description="Products that a list is drawn from: the whole catalogue.")
    k: tuple[int, ...]
    n_resamples: int = Field(description="Bootstrap resamples.")
    seed: int
    methods: tuple[str, ...]
    slices: tuple[str, ...]
    reference: str | None
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    coverage: tuple[Coverage, ...] = ()
    costs: tuple[Cost, ...]
    threshold: ThresholdScore | None = None
    perturbed: PerturbedResult | None = Field(None, description="Queries with a small change; none where not measured.")
    typed: TypedResult | None = Field(None, description="Labelled queries of a file; none where none was given.")
    manifest: Manifest | None = Field(None, description="None where no command made it.")
    judgements: Evaluation | None = Field(None, description="The same methods on the judged queries, over the whole catalogue.")
    pool: Evaluation | None = Field(None, description="The same on the judged queries, ranking only the products judged for each.")

    def measures(self) -> list[tuple[str, int]]:
        """Return metric and cut-off of all that was measured in the first slice."""
        return list(dict.fromkeys((score.metric, score.k) for score in self.scores if score.slice == self.slices[0]))

    def score(self, method: str, slice_name: str, metric: str, k: int) -> Score:
        """Return one score.

        Raises:
            KeyError: There is none, as there is no such method, slice or measure, or nothing to measure it on.
        """
        return _pick(self._scores, method, slice_name, metric, k)

    def difference(self, method: str, slice_name: str, metric: str, k: int) -> Difference:
        """Return the reference minus `method`.

        Raises:
            KeyError: There is none.
        """
        return _pick(self._differences, method, slice_name, metric, k)

    @cached_property
    def _scores(self) -> dict[_Key, Score]:
        return {(one.method, one.slice, one.metric, one.k): one for one in self.scores}

    @cached_property
    def _differences(self) -> dict[_Key, Difference]:
        return {(one.method, one.slice, one.metric, one.k): one for one in self.differences}


_Key = tuple[str, str, str, int]
_AnyScore = TypeVar("_AnyScore", bound=Score)


def _pick(found: Mapping[_Key, _AnyScore], method: str, slice_name: str, metric: str, k: int) -> _AnyScore:
    key = (method, slice_name, metric, k)
    if key not in found:
        raise KeyError(f"{method}, {slice_name}, {metric}@{k}")
    return found[key]


def score_or_none(pick: Callable[[str, str, str, int], _AnyScore], method: str, slice_name: str, metric: str, k: int) -> _AnyScore | None:
    """Return a score or difference of an evaluation, None where there is nothing to measure it on."""
    try:
        return pick(method, slice_name, metric, k)
    except KeyError:
        return None


class ComparedMethod(StrictModel):
    """One method of one run; scores and differences of a comparison call it by its mark."""

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
    relevant: bool


class ChangedCase(StrictModel):
    """A case that one method answers much better or worse than another."""

    later: str
    earlier: str
    case: int
    user_id: str | None
    query: str
    relevant: tuple[ListedProduct, ...]
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
    n_resamples: int
    seed: int
    metric: str = Field(description="By which wins are counted, changes ranked and slices compared.")
    k: int
    entries: tuple[ComparedMethod, ...]
    slices: tuple[str, ...]
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    wins: tuple[Wins, ...]
    largest_gains: tuple[ChangedCase, ...] = Field(description="The cases that a later method answers better by most.")
    largest_losses: tuple[ChangedCase, ...]
    judgements: Comparison | None = Field(None, description="The same on the judged queries, over the whole catalogue.")
    pool: Comparison | None = Field(None, description="The same on the judged queries, ranking only the products judged for each.")
    perturbed: tuple[PerturbedScore, ...] = Field((), description="On queries with a small change that all were measured on.")
    typed: tuple[TypedScore, ...] = Field((), description="On labelled queries that all were measured on.")
    new_words: tuple[NewWordDifference, ...] = Field((), description="Each later method minus the first, on both.")

    def beaten(self, mark: str, metric: str, k: int) -> list[str]:
        """Return the marks that one beats significantly, after Holm's correction, over all cases."""
        marks = []
        for one in self.differences:
            if (one.slice, one.metric, one.k) == (self.slices[0], metric, k) and one.significant:
                winner, loser = (one.reference, one.method) if one.mean > 0 else (one.method, one.reference)
                if winner == mark:
                    marks.append(loser)
        return sorted(marks)
