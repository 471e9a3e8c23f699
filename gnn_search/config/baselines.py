"""Settings of the baselines that have any, one YAML file each."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field

from gnn_search.config.base import LEAST_HALF_LIFE_DAYS, Settings
from gnn_search.config.files import find_yaml, read_yaml

AnySettings = TypeVar("AnySettings", bound=Settings)


class RecentHistorySettings(Settings):
    """The lists that count recent interactions more. An interaction counts 2 ** (-age / half-life) and, however old, `floor` more."""

    own_half_life_days: float = Field(
        ge=LEAST_HALF_LIFE_DAYS, description="Age at which a user's last interaction of a product has lost half its recency."
    )
    own_floor: float = Field(ge=0, le=10, description="What a user's own interaction counts however old it is; typically 0.1 to 0.5.")
    popularity_half_life_days: float = Field(
        ge=LEAST_HALF_LIFE_DAYS, description="Age at which anybody's interaction for the query has lost half its recency."
    )
    popularity_floor: float = Field(gt=0, le=10, description="What anybody's interaction for the query counts however old it is.")
    popularity_weight: float = Field(
        gt=0, le=1000, description="Weight of a product's share of the query's interactions against the user's own."
    )


class LightGcnSettings(Settings):
    """LightGCN, trained when an evaluation includes it."""

    dimension: int = Field(ge=4, le=1024, description="Of the vectors.")
    layers: int = Field(ge=1, le=8, description="Rounds of neighbours' means.")
    steps: int = Field(ge=1, description="Steps of training; each passes over the whole graph, so its time is that of the edges.")
    batch_size: int = Field(ge=2, description="Interactions a step.")
    negatives: int = Field(ge=1, le=1024, description="Products drawn against each interaction.")
    learning_rate: float = Field(gt=0, le=1, description="Of Adam.")
    weight_decay: float = Field(ge=0, description="Weight of the squared length of the ID embeddings of a batch.")
    seed: int = Field(ge=0, lt=2**32)


class BiEncoderSettings(Settings):
    """A text encoder trained elsewhere, used as it is."""

    model: str = Field(
        min_length=1,
        description="Folder of a sentence-transformers model, or `package:NAME` for an installed Python package that holds one.",
    )
    batch_size: int = Field(ge=1, le=65_536, description="Texts encoded at a time.")


def load_baseline_settings(name: str, model: type[AnySettings], folder: Path | None = None) -> AnySettings:
    """Read the settings of a baseline: from its file in `folder` where there is one, else as shipped.

    Raises:
        ConfigError: They are not right.
    """
    own = None if folder is None else folder / f"{name}.yaml"
    return read_yaml(own if own is not None and own.is_file() else find_yaml(f"baselines/{name}", "configs"), model)
