"""Plan the runs of a study."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gnn_search.config.training import TrainingConfig
from gnn_search.errors import RequestError
from gnn_search.studies.measuring import Measuring


@dataclass(frozen=True)
class StudyRun:
    """One training, and the key of its result.

    Attributes:
        name: Of the variant.
        config: With the seed of the run.
        key: Hash of settings, graph, cases and versions; the same key means the same result.
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
) -> list[StudyRun]:
    """Return the runs of all variants with all seeds, seed by seed, so that the first can be compared early.

    Args:
        configs: By the variant's name.
        seeds: Each run is done with each.
        measuring: How models are measured.
        graph_hash: Of the graph's content.
        machine: What the costs of a run depend on.
    """
    runs = []
    for seed in seeds:
        for name, config in configs.items():
            seeded = config.model_copy(update={"seed": seed})
            settings = [name, seeded.model_dump(mode="json"), measuring.split, measuring.limit, measuring.fitted, graph_hash, dict(machine)]
            key = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=5).hexdigest()
            runs.append(StudyRun(name, seeded, key))
    return runs


def select_names(names: Iterable[str], only: Sequence[str], what: str) -> list[str]:
    """Return the names in `only` in the study's order; none means all.

    Raises:
        RequestError: A name is unknown; the message lists the known ones.
    """
    names = list(names)
    unknown = [name for name in only if name not in names]
    if unknown:
        raise RequestError(f"there is no {what} '{unknown[0]}' in the study; there are {', '.join(names)}")
    return [name for name in names if not only or name in only]
