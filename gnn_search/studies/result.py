"""What a study found, as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Estimate


class Recall(StrictModel):
    """A mean recall."""

    channel: str = Field(description="reranked, vector, graph, or no user.")
    slice: str
    k: int = Field(description="Cut-off of the list.")
    mean: float
    cases: int = Field(description="Cases that count in the slice.")


class Validation(StrictModel):
    """One validation while a model was trained; seconds are of training alone."""

    step: int
    seconds: float
    cpu_seconds: float
    recall: float = Field(description="Recall@10 of the vectors on the cases that early stopping goes by.")


class RunResult(StrictModel):
    """One training and how its model did."""

    name: str
    seed: int
    cases: int
    slices: tuple[str, ...]
    k: tuple[int, ...]
    recalls: tuple[Recall, ...]
    validations: tuple[Validation, ...]
    training: dict[str, Any] = Field(description="The training record of model.json: steps, seconds, CPU seconds, negatives, reranker.")
    seconds: float = Field(description="Of the whole run: indices, training, validations, the reranker, measuring.")
    cpu_seconds: float = Field(description="Of the whole run, all threads of the process.")

    def recall(self, channel: str, k: int, slice_name: str = "all") -> float | None:
        """Return a mean recall; None where the model has no such channel or the cases no such slice."""
        return next((one.mean for one in self.recalls if (one.channel, one.k, one.slice) == (channel, k, slice_name)), None)


class StudyDifference(Estimate):
    """A variant minus the reference on the same cases, all seeds together; `high` below zero says that the variant is worse."""

    channel: str
    slice: str
    k: int
    by_seed: tuple[float, ...] = Field(description="The same for each seed alone.")


class MedianRecall(StrictModel):
    """The median over seeds of a mean recall."""

    channel: str
    slice: str
    k: int
    median: float


class Summary(StrictModel):
    """A variant over its seeds."""

    name: str
    recalls: tuple[MedianRecall, ...]
    differences: tuple[StudyDifference, ...] = Field(description="To the reference; empty for the reference itself.")
    steps: float = Field(description="Median, as are the seconds.")
    seconds: float = Field(description="Of the training steps alone.")
    cpu_seconds: float = Field(description="Of the training steps alone.")

    def recall(self, channel: str, k: int, slice_name: str = "all") -> float | None:
        """Return a median; None where there is none."""
        return next((one.median for one in self.recalls if (one.channel, one.k, one.slice) == (channel, k, slice_name)), None)

    def difference(self, channel: str, k: int, slice_name: str = "all") -> StudyDifference | None:
        """Return the difference to the reference; None where there is none."""
        return next((one for one in self.differences if (one.channel, one.k, one.slice) == (channel, k, slice_name)), None)


class Skipped(StrictModel):
    """A variant that was not tried."""

    name: str
    reason: str


class StudyReport(StrictModel):
    """What every study reports."""

    command: str = Field(description="Makes this file again.")
    study: dict[str, Any] = Field(description="The settings, with what the command line changed.")
    graph: str = Field(description="Name of the graph.")
    graph_hash: str
    machine: dict[str, Any]
    notes: tuple[str, ...] = Field(description="How the figures are to be read.")
    reference: str | None = Field(description="What differences are to.")
    k: tuple[int, ...]
    summaries: tuple[Summary, ...]
    skipped: tuple[Skipped, ...]
    runs: tuple[RunResult, ...]


class Target(StrictModel):
    """A validation recall, each seed's own."""

    name: str
    recalls: dict[int, float] = Field(description="By seed.")


class TargetCosts(StrictModel):
    """What it took a mix to reach a target: medians over seeds, none where not even half of them reached it."""

    target: str
    seeds: int = Field(description="That reached it.")
    steps: float | None
    seconds: float | None = Field(description="Of the steps, and of indices built before them.")
    cpu_seconds: float | None = Field(description="Likewise.")


class SamplerCost(StrictModel):
    """What one sampler of a mix cost and how often it was wrong: medians over seeds."""

    kind: str
    drawing_cpu_seconds: float
    index_cpu_seconds: float = Field(description="Of building indices and lists.")
    cpu_seconds_per_million: float = Field(description="Of both, a million negatives.")
    share_of_step: float = Field(description="CPU seconds of drawing among those of training.")
    false_negatives: float = Field(description="Share of the negatives that are positive for the query in the validation period.")
    false_negatives_known: float = Field(description="The same among those whose query is in that period at all.")


class MixCosts(StrictModel):
    """What a mix costs, beside its recalls."""

    name: str
    best_validation: float = Field(description="Median over seeds of the best validation Recall@10.")
    mining_cpu_seconds: float = Field(description="Median over seeds: drawing and building, all samplers of the mix.")
    share_of_step: float = Field(description="Median over seeds: CPU seconds of drawing, all samplers, among those of training.")
    samplers: tuple[SamplerCost, ...]
    reached: tuple[TargetCosts, ...]


class NegativesReport(StudyReport):
    """A comparison of negatives."""

    targets: tuple[Target, ...]
    costs: tuple[MixCosts, ...]
