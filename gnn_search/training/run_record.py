"""The record of a run: one row a step in `metrics.jsonl`, and the same numbers as event files of TensorBoard."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gnn_search.errors import MissingExtraError
from gnn_search.layout import ModelLayout, staged

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_FLUSH_SECONDS = 10
"""Longest time until TensorBoard sees a step; its own two minutes are as long as a short run."""


class RunRecord:
    """What is written down of each step.

    `metrics.jsonl` is the record. The event files are made anew from it whenever a run starts or goes on, so that no step stands in them
    twice, whatever was killed when, and so that they may be wanted in the middle of a run only. They hold one scalar a number of a row,
    under the same name; their clock is the training's own, without validations and pauses between resumed runs, so "relative" in
    TensorBoard means seconds of training.

    Args:
        layout: The model folder.
        tensorboard: Write event files too. Without it nothing of TensorBoard is imported.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, layout: ModelLayout, tensorboard: bool) -> None:
        self._layout = layout
        self._open: Callable[..., SummaryWriter] | None = _summary_writer() if tensorboard else None
        self._writer: SummaryWriter | None = None
        self._origin = 0.0

    def start(self, step: int, seconds: float) -> None:
        """Keep the rows of the steps that are done, of so many seconds of training; drop those of steps that a resumed run does again."""
        rows = self._layout.metrics.read_text(encoding="utf-8").splitlines(keepends=True) if step and self._layout.metrics.exists() else []
        # A row that a killed run left unfinished has no line end; it stands after those of the checkpoint.
        kept = [row for row in rows if row.endswith("\n") and json.loads(row)["step"] <= step]
        with staged(self._layout.metrics, replace=True) as partial:
            partial.write_text("".join(kept), encoding="utf-8")
        if self._open is not None:
            shutil.rmtree(self._layout.tensorboard, ignore_errors=True)
            self._origin = time.time() - seconds
            self._writer = self._open(str(self._layout.tensorboard), flush_secs=_FLUSH_SECONDS)
            for row in kept:
                self._show(json.loads(row))

    def add(self, row: Mapping[str, float]) -> None:
        """Write the numbers of one step, among them `step` and `seconds`."""
        with self._layout.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        self._show(row)

    def close(self) -> None:
        """Write out what is still in memory."""
        if self._writer is not None:
            self._writer.close()

    def _show(self, row: Mapping[str, float]) -> None:
        if self._writer is None:
            return
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(row["step"]), walltime=self._origin + row["seconds"])


def _summary_writer() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError(
            "event files need tensorboard, which is not installed; run: pip install 'gnn-search[tensorboard]', or train without them"
        ) from None
    return SummaryWriter
