"""Checkpoints from which a killed run goes on bit for bit."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gnn_search.config.base import StrictModel
from gnn_search.layout import staged, write_json
from gnn_search.manifest import Artefact

_PREFIX = "step-"
_TENSORS = ("model", "optimisers", "best", "lists")
_CHECKPOINT = Artefact("checkpoint", "remove it and train anew", "gnn-search train")


class TrainingProgress(StrictModel):
    """How far a run has come.

    Attributes:
        pretrained: Whether the text tower has had its pre-training, or needs none.
        step: Steps done.
        best_recall: Best validation Recall@10 so far.
        best_step: Steps done then.
        stale: Validations since.
        seconds: Wall seconds of training so far, validations not counted.
        cpu_seconds: CPU seconds of the process in that time.
        examples: Examples seen so far.
        finished: Whether the run has ended.
    """

    pretrained: bool = False
    step: int = 0
    best_recall: float = -1.0
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    examples: int = 0
    finished: bool = False
    identity: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on.

    Attributes:
        progress: How far the run has come.
        model: Weights and stored vectors.
        optimisers: Their state.
        best: The best weights so far.
        lists: Those of `dynamic` negatives, which were made some steps ago and could not be made again.
    """

    progress: TrainingProgress
    model: dict[str, Tensor]
    optimisers: dict[str, Tensor]
    best: dict[str, Tensor]
    lists: dict[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole into the folder of all checkpoints, then remove the older ones."""
    target = folder / f"{_PREFIX}{checkpoint.progress.step:08d}"
    with staged(target, replace=True) as partial:
        partial.mkdir()
        for name in _TENSORS:
            tensors = {key: tensor.detach().contiguous() for key, tensor in getattr(checkpoint, name).items()}
            save_file(tensors, partial / f"{name}.safetensors")
        write_json(partial / "progress.json", checkpoint.progress.model_dump())
    for older in [*_checkpoints(folder), *folder.glob(f".{_PREFIX}*")]:  # those with a dot are what a killed run left half-written
        if older != target:
            shutil.rmtree(older)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint; None where there is none.

    Raises:
        ArtefactError: It is damaged.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    newest = found[-1]
    try:
        progress = _CHECKPOINT.read_manifest(newest / "progress.json", TrainingProgress)
        tensors = [load_file(newest / f"{name}.safetensors") for name in _TENSORS]
    except (SafetensorError, FileNotFoundError) as error:
        raise _CHECKPOINT.damaged(newest, str(error)) from None
    return Checkpoint(progress, *tensors)


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints of a run whose model is whole; they are more than half of its bytes, and nothing reads them again."""
    # Out of sight first, so that a killed removal leaves no half of a checkpoint to resume from.
    gone = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(gone, ignore_errors=True)
    if folder.exists():
        folder.rename(gone)
        shutil.rmtree(gone)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_dir())
