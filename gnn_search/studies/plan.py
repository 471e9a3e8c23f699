"""The runs of a study, and what tells one from every other."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gnn_search.config.training import TrainingConfig
from gnn_search.errors import RequestError


@dataclass(frozen=True)
class Measuring:
    """How the models of a study are measured.

    Attributes:
        split: Period of the cases.
        limit: Most cases a seed.
        fitted: Validation cases that the walk terms of a seed may be fitted on; these are left out.
    """

    split: Literal["validation", "test"]
    limit: int | None
    fitted: int


@dataclass(frozen=True)
class Run:
    """One training and what it is measured by.

    Attributes:
        name: Of the variant.
        config: With the seed of the run.
        key: Tells it from runs of other settings, graphs, cases or versions; the same key means the same result.
    """

    name: str
    config: TrainingConfig
    key: str

    @property
    def seed(self) -> int:
        return self.config.seed

    @property
    def folder(self) -> str:
        """Name of the folder of what the run leaves."""
        words = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return f"{words}-seed{self.seed}-{self.key}"


def plan_runs(
    configs: Mapping[str, TrainingConfig], seeds: Sequence[int], measuring: Measuring, graph_hash: str, machine: Mapping[str, object]
) -> list[Run]:
    """Return the runs of all variants with all seeds, seed by seed, so that what is done first can be compared already.

    Args:
        configs: By the variant's name.
        seeds: Each run is done with each.
        measuring: How models are measured.
        graph_hash: Of the graph's content.
        machine: What the costs of a run hang on.
    """
    runs = []
    for seed in seeds:
        for name, config in configs.items():
            seeded = config.model_copy(update={"seed": seed})
            told = [name, seeded.model_dump(mode="json"), measuring.split, measuring.limit, measuring.fitted, graph_hash, dict(machine)]
            key = hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=5).hexdigest()
            runs.append(Run(name, seeded, key))
    return runs


def measuring_of(configs: Sequence[TrainingConfig], split: Literal["validation", "test"], limit: int | None) -> Measuring:
    """Return how the models of some configurations are measured: all on cases that none of their walk terms was fitted on."""
    walks = [config.reranker.cases for config in configs if config.reranker.enabled] if split == "validation" else []
    return Measuring(split, limit, max(walks, default=0))


def chosen_names(names: Iterable[str], only: Sequence[str], what: str) -> list[str]:
    """Return the names asked for in the study's order; none asked for means all.

    Raises:
        RequestError: A name is unknown; the message lists the known ones.
    """
    names = list(names)
    unknown = [name for name in only if name not in names]
    if unknown:
        raise RequestError(f"there is no {what} '{unknown[0]}' in the study; there are {', '.join(names)}")
    return [name for name in names if not only or name in only]
