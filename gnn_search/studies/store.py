"""The working folder of a study: each run's result is written at once, so that a killed study resumes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from gnn_search.arrays import Float64
from gnn_search.errors import ArtefactError
from gnn_search.layout import read_json, staged, write_json
from gnn_search.studies.plan import StudyRun
from gnn_search.studies.result import RunResult

_RESULT, _RECALLS, _USER = "result.json", "recalls.npz", "user"


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A finished run.

    Shapes:
        - user: int32 [cases], -1 where unknown
        - recalls: float64 [slices, k, cases] by channel, NaN for a case that does not count in the slice
    """

    result: RunResult
    user: NDArray[np.int32]
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
