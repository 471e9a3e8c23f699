"""What a fit of a boost found, as JSON."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import Field

from gnn_search.config.base import StrictModel


class Gain(StrictModel):
    """What a boost earns in one set of cases by one metric."""

    action: str = Field(description="The kind of choice that the weights are for; only what was chosen by it counts.")
    part: str = Field(description="fitted: the half of the shoppers that the weights were fitted on; other half; later: the test period.")
    metric: str
    k: int
    cases: int
    users: int = Field(description="Shoppers among them; a case without one counts as its own.")
    plain: float = Field(description="Mean over the cases without a boost.")
    boosted: float
    gain: float = Field(description="boosted minus plain.")
    low: float = Field(description="Lower end of the paired 95 % bootstrap interval over shoppers.")
    high: float


class Search(StrictModel):
    """How the weights of one kind of choice were found."""

    action: str
    weights: dict[str, float] = Field(description="By dimension, in units of the cosine.")
    tried: int
    refused: int = Field(description="Weights too strong to be tried: they would bring up products too far from the requests.")


class BoostReport(StrictModel):
    """How a boost was fitted, and what it earns."""

    out: Path | None = Field(None, description="Folder of the boost.")
    model: str
    graph: str
    fitted_as_of: datetime = Field(description="Moment (UTC) as of which requests of the fit saw the graph: the start of validation.")
    as_of: datetime = Field(description="Moment (UTC) of the stored qualities, and as of which the later cases saw the graph.")
    objective: str
    bound: float = Field(description="Most that a weight may be: the mean difference between the first cosine and the hundredth.")
    timeless: tuple[str, ...] = Field(description="Qualities without a time, taken as given: see that they were known before validation.")
    searches: tuple[Search, ...]
    gains: tuple[Gain, ...]
    seed: int
    draws: int = Field(description="Bootstrap draws.")
