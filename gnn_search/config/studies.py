"""The settings of a study: many trainings that differ in one thing each."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from gnn_search.config.base import Settings
from gnn_search.config.files import NamedFile, check
from gnn_search.config.negatives import Negatives, ScheduleSettings

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class StudySettings(Settings, NamedFile):
    """What every study shares."""

    base: str = Field(min_length=1, description="Training configuration that all runs start from: the name of a shipped one, or a path.")
    override: dict[str, Any] = Field(
        default_factory=dict, description="Changes to the base that hold in every run, such as `loop: {epochs: 1}`; nested as in the base."
    )
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1, description="Each run is done once with each.")
    split: Literal["validation", "test"] = Field("validation", description="Period whose cases the models are measured on.")
    cases: int | None = Field(None, ge=1, description="Most cases a seed, sampled with it; null takes all.")
    n_resamples: int = Field(1000, ge=1, description="Bootstrap resamples over users.")

    @model_validator(mode="after")
    def _seeds_are_distinct(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"each seed may stand once in seeds (got {', '.join(map(str, self.seeds))})")
        return self

    def changed(self, **changes: object) -> Self:
        """Return the study with other settings in place of those that are given and not None.

        Raises:
            ConfigError: The outcome is not right.
        """
        stated = {key: value for key, value in changes.items() if value is not None}
        return check({**self.model_dump(mode="json"), **stated}, type(self), "the study")


class AblationSettings(StudySettings):
    """Variants of the base, each without a part (or with one more)."""

    variants: dict[str, dict[str, Any]] = Field(
        min_length=1,
        description="Changes to the base by the variant's name, nested as in the base. In `negatives` a mapping changes the entries of "
        "the kinds that it names, and null takes one out: `negatives: {taxonomy: null}`.",
    )

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        if "base" in self.variants:
            raise ValueError("no variant may be called base; that is what they are compared with")
        return self


class Mix(Settings):
    """Negatives that are used together."""

    negatives: tuple[Negatives, ...] = Field(min_length=1, description="In place of the base's.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="In place of the base's.")

    @model_validator(mode="before")
    @classmethod
    def _of_list(cls, given: Any) -> Any:
        # Most mixes have no schedule; their negatives alone say all.
        return {"negatives": given} if isinstance(given, list) else given


class NegativesStudySettings(StudySettings):
    """Mixes of negatives, everything else equal. The reranker, which uses no negatives of the mix, is off unless `override` enables it."""

    mixes: dict[str, Mix] = Field(min_length=1, description="By name.")
    reference: str | None = Field(None, description="Mix that the others are compared with; null: none is.")
    targets: tuple[float | str, ...] = Field(
        ("lowest",),
        min_length=1,
        description="Validation recalls whose cost is measured: a number, the name of a mix for its best recall, or `lowest` for the "
        "lowest best recall of all mixes, always of the same seed.",
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        if "lowest" in self.mixes:
            raise ValueError("no mix may be called lowest; that is the name of a target")
        for key, name in [("reference", self.reference), *(("targets", target) for target in self.targets)]:
            if isinstance(name, str) and name not in self.mixes and not (key == "targets" and name == "lowest"):
                raise ValueError(f"{key} names {name}, but there are the mixes {', '.join(self.mixes)}")
        return self
