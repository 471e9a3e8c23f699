"""What every YAML model shares: unknown keys are refused, values are frozen."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

LEAST_HALF_LIFE_DAYS = 1e-8
"""About a millisecond; ages divided by much less are no longer finite."""


class StrictModel(BaseModel):
    """A frozen pydantic model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(StrictModel):
    """A part of a configuration: its numbers are finite, too (YAML can write `.inf` and `.nan`)."""

    model_config = ConfigDict(allow_inf_nan=False)
