"""Which negatives a model is trained with, how they are masked, and how much each weighs when."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from gnn_search.config.base import Settings

Mask = Literal["query", "user_query"]


class _Negatives(Settings):
    """What every kind of negative shares."""

    weight: float = Field(1.0, gt=0, description="Of this part of the loss. in_batch and uniform are one part, the pool.")
    mask: Mask | None = Field(None, description="Which known positives are never used as negatives.  [default: loss.mask]")


class InBatch(_Negatives):
    """The other examples' positives, logQ-corrected."""

    kind: Literal["in_batch"]


class Uniform(_Negatives):
    """Products of the whole catalogue, shared by the batch."""

    kind: Literal["uniform"]
    count: int = Field(1024, ge=1, description="Products a batch.")


_PRESETS: dict[str, dict[str, Any]] = {"tb_hns": {"levels": (0.0, 1.0), "start_levels": None, "alpha": 0.0, "mask": "query"}}


class Taxonomic(_Negatives):
    """Products of near branches, drawn for each example."""

    kind: Literal["taxonomy"]
    preset: Literal["tb_hns"] | None = Field(
        None, description="tb_hns: siblings alone (level 1), evenly, masked by query, as in arXiv 2511.00694."
    )
    count: int = Field(1, ge=1, le=64, description="Products an example.")
    levels: tuple[float, ...] = Field((1.0,), min_length=1, description="Weight of climbing 0, 1, 2, … levels.")
    start_levels: tuple[float, ...] | None = Field(
        None, min_length=1, description="These weights at the first step, moving linearly to `levels` at the last: a curriculum."
    )
    alpha: float = Field(0.0, ge=0, le=2, description="Draw by (interactions + 1) ** alpha.")

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, given: Any) -> Any:
        preset = _PRESETS.get(str(given.get("preset"))) if isinstance(given, dict) else None
        if preset is None:
            return given
        for key, value in preset.items():
            stated = given.get(key, value)
            if (tuple(stated) if isinstance(stated, list) else stated) != value:
                raise ValueError(f"preset {given['preset']} sets {key} to {value}; leave {key} out, or the preset")
        return {**given, **preset}

    @model_validator(mode="after")
    def _levels_are_weights(self) -> Taxonomic:
        for name, levels in (("levels", self.levels), ("start_levels", self.start_levels)):
            if levels is not None and (min(levels) < 0 or sum(levels) <= 0):
                raise ValueError(f"{name} must not be negative, and one must be above 0")
        return self


class InBatchHard(_Negatives):
    """The hardest products of the pool by the model's own scores, found inside the step."""

    kind: Literal["in_batch_hard"]
    count: int = Field(8, ge=1, le=1024, description="Products an example.")


class _Listed(_Negatives):
    """Products drawn evenly from a stretch of each query's list."""

    count: int = Field(1, ge=1, le=64, description="Products an example.")
    depth: int = Field(100, ge=1, le=10_000, description="Products in a query's list.")
    skip: int = Field(0, ge=0, description="Places at the top of the list that are never drawn.")

    @model_validator(mode="after")
    def _something_is_left(self) -> _Listed:
        if self.skip >= self.depth:
            raise ValueError(f"skip must be below depth, or nothing is left to draw (got {self.skip} and {self.depth})")
        return self


class Dynamic(_Listed):
    """Products nearest to the query by the model as it was at the last refresh (ANCE, arXiv 2007.00808)."""

    kind: Literal["dynamic"]
    refresh_every: int = Field(500, ge=1, description="Steps after which the lists are made anew.")


class Lexical(_Listed):
    """Products with the best BM25 score for the query's text."""

    kind: Literal["bm25"]


class LowGrade(_Negatives):
    """Products that people judged for the query and found not relevant; for graphs with judgements."""

    kind: Literal["low_grade"]
    count: int = Field(1, ge=1, le=64, description="Products an example.")


SharedNegatives = InBatch | Uniform
SHARED_KINDS = tuple(get_args(settings.model_fields["kind"].annotation)[0] for settings in get_args(SharedNegatives))
"""What a configuration calls the negatives that make up the pool."""
HardNegatives = Taxonomic | InBatchHard | Dynamic | Lexical | LowGrade
Negatives = Annotated[SharedNegatives | HardNegatives, Field(discriminator="kind")]


class ScheduleSettings(Settings):
    """How the weights of the loss's parts move over the run, as shares of its steps."""

    warmup: float = Field(0.0, ge=0, lt=1, description="Share of the steps in which the pool alone is used.")
    ramp: float = Field(0.0, ge=0, le=1, description="Share of the steps after it over which hard negatives rise to their weight.")
    pool_end: float | None = Field(None, ge=0, description="Weight of the pool at the end of the ramp.  [default: as at the start]")

    @model_validator(mode="after")
    def _ends_in_time(self) -> ScheduleSettings:
        if self.warmup + self.ramp > 1:
            raise ValueError(f"warmup and ramp together must not be above 1 (got {self.warmup} and {self.ramp})")
        return self
