"""Curves of the page: recall by list length, and losses and validation by step with the time of each stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnn_search.config.base import StrictModel
from gnn_search.errors import ArtefactError
from gnn_search.evaluation.run_folder import RunFolder

_POINTS = 200
"""Points of a curve, at most; a page can't show more."""
_SUMMARY = ("steps", "examples", "parameters", "best_step", "examples_per_second")


class RecallCurve(StrictModel):
    """One method's mean recall@k for k = 1, 2, …, in order."""

    method: str
    recall: tuple[float, ...]


def recall_curves(run: RunFolder) -> tuple[RecallCurve, ...]:
    """Return every method's curve up to the longest list that was measured."""
    longest = max(run.evaluation.k)
    return tuple(RecallCurve(method=name, recall=recall_at_each_k(run.method(name)["ranks"], longest)) for name in run.evaluation.methods)


def recall_at_each_k(ranks: pl.Series, longest: int) -> tuple[float, ...]:
    """Return the mean over cases of the share of a case's relevant products within the first k places, for k = 1 to `longest`.

    >>> [round(value, 4) for value in recall_at_each_k(pl.Series([[1, None], [3]]), 3)]
    [0.25, 0.25, 0.75]
    """
    found = (
        pl.DataFrame({"ranks": ranks, "weight": 1 / (ranks.list.len() * len(ranks))})
        .explode("ranks")
        .filter(pl.col("ranks").is_between(1, longest))
    )
    at = np.bincount(found["ranks"].to_numpy(), weights=found["weight"].to_numpy(), minlength=longest + 1)
    return tuple(np.cumsum(at[1:]).tolist())


class Point(StrictModel):
    """A place of a curve: training examples seen, and a value."""

    examples: int
    value: float


class Stage(StrictModel):
    """What took how long, in seconds."""

    name: str
    wall_seconds: float | None = None
    cpu_seconds: float | None
    remark: str = ""


class Training(StrictModel):
    """How the model came about.

    Attributes:
        curves: Loss by part, each point the mean of the steps since the one before.
        validation: Recall on validation cases by the vectors alone.
        summary: Steps, examples, parameters and the like, as the model folder tells them.
    """

    curves: dict[str, tuple[Point, ...]]
    validation: tuple[Point, ...]
    measure: str
    summary: dict[str, int | float]
    stages: tuple[Stage, ...]


def read_training(metrics: Path, training: Mapping[str, Any]) -> Training | None:
    """Read how training went; None where the model folder holds no record of it.

    Raises:
        ArtefactError: The file is damaged.
    """
    if not metrics.exists() or not metrics.stat().st_size:
        return None
    try:
        steps = pl.read_ndjson(metrics, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise ArtefactError(f"{metrics} is damaged ({' '.join(str(error).split())[:200]}); train the model again") from None
    losses = [name for name in steps.columns if name == "loss" or name.endswith("_loss")]
    measure = next((name for name in steps.columns if name.startswith("validation_")), "validation")
    measured = steps.drop_nulls(measure).select("examples", measure).rows() if measure in steps.columns else []
    return Training(
        curves={name: thin(steps, name) for name in losses},
        validation=tuple(Point(examples=examples, value=value) for examples, value in measured),
        measure=measure.removeprefix("validation_"),
        summary={name: training[name] for name in _SUMMARY if name in training},
        stages=_stages(training),
    )


def thin(steps: pl.DataFrame, name: str, most: int = _POINTS) -> tuple[Point, ...]:
    """Return a column as at most so many points, each the mean of as many steps that follow each other.

    >>> frame = pl.DataFrame({"examples": [10, 20, 30, 40], "loss": [4.0, 2.0, 1.0, 0.0]})
    >>> [(point.examples, point.value) for point in thin(frame, "loss", 2)]
    [(20, 3.0), (40, 0.5)]
    """
    frame = steps.select("examples", value=name).drop_nulls()
    size = max(1, -(-frame.height // most))
    grouped = frame.group_by(pl.int_range(pl.len()) // size, maintain_order=True).agg(pl.col("examples").last(), pl.col("value").mean())
    return tuple(Point(examples=examples, value=value) for examples, value in grouped.select("examples", "value").rows())


def _stages(training: Mapping[str, Any]) -> tuple[Stage, ...]:
    stages = []
    if "seconds" in training:
        share = training.get("share_waiting_for_batches")
        waited = "" if share is None else f"{100 * share:.1f} % of it waiting for batches"
        seconds, cpu_seconds = training["seconds"], training.get("cpu_seconds")
        stages.append(Stage(name="training steps", wall_seconds=seconds, cpu_seconds=cpu_seconds, remark=waited))
    for negatives in training.get("negatives", ()):
        kind = negatives["kind"].replace("_", " ")
        drawn = f"{negatives['draws']:,} negatives, beside the steps"
        stages.append(Stage(name=f"drawing negatives: {kind}", cpu_seconds=negatives["drawing_cpu_seconds"], remark=drawn))
        if negatives["index_cpu_seconds"]:
            stages.append(Stage(name=f"indices and lists: {kind}", cpu_seconds=negatives["index_cpu_seconds"]))
    return tuple(stages)
