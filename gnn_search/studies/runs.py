"""The runs of a study, and its working folder, where each one's result is written at once, so that a killed study resumes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from pydantic import ValidationError

from gnn_search.arrays import Float64, Int32
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import ArtefactError, RequestError
from gnn_search.layout import read_json, staged, write_json
from gnn_search.studies.measuring import Measuring
from gnn_search.studies.result import RunResult

_RESULT, _RECALLS, _USER = "result.json", "recalls.npz", "user"


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


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A finished run.

    Shapes:
        - user: int32 [cases], -1 where unknown
        - recalls: float64 [slices, k, cases] by channel, NaN for a case that does not count in the slice
    """

    result: RunResult
    user: Int32
    recalls: dict[str, Float64]


@dataclass(frozen=True)
class StudyStore:
    """Where the parts of a working folder lie."""

    root: Path

    def model(self, run: StudyRun) -> Path:
        return self.root / "models" / run.folder

    def result(self, run: StudyRun) -> Path:
        return self.root / "results" / run.folder

    def has(self, run: StudyRun) -> bool:
        """Whether the run is finished."""
        return self.result(run).is_dir()

    def save(self, run: StudyRun, measured: MeasuredRun) -> None:
        """Write a result, whole or not at all."""
        with staged(self.result(run)) as partial:
            partial.mkdir()
            np.savez_compressed(partial / _RECALLS, allow_pickle=False, **{_USER: measured.user}, **measured.recalls)
            write_json(partial / _RESULT, measured.result.model_dump(mode="json"))

    def load(self, run: StudyRun) -> MeasuredRun:
        """Read the result of a finished run.

        Raises:
            ArtefactError: It is damaged.
        """
        folder = self.result(run)
        try:
            result = RunResult.model_validate(read_json(folder / _RESULT, "the result of a run"))
            with np.load(folder / _RECALLS, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
        except (ValidationError, OSError, ValueError, EOFError, BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise ArtefactError(f"the result in {folder} is damaged ({reason}); remove the folder, and the run is done again") from None
        return MeasuredRun(result, found.pop(_USER), found)
