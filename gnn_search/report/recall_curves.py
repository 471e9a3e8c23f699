"""Recall at every cut-off, from the ranks that a run folder keeps."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.config.base import StrictModel
from gnn_search.evaluation.run_folder import RunFolder


class RecallCurve(StrictModel):
    """One method's mean recall@k for k = 1, 2, …, in order."""

    method: str
    recall: tuple[float, ...]


def recall_curves(run: RunFolder) -> tuple[RecallCurve, ...]:
    """Return every method's curve up to the longest list that was measured."""
    longest = max(run.evaluation.k)
    return tuple(RecallCurve(method=name, recall=recall_at(run.method(name)["ranks"], longest)) for name in run.evaluation.methods)


def recall_at(ranks: pl.Series, longest: int) -> tuple[float, ...]:
    """Return the mean over cases of the share of a case's relevant products within the first k places, for k = 1 to `longest`.

    Args:
        ranks: A list a case: the place of each relevant product, from 1, null where the list does not hold it.
        longest: Largest k.

    >>> [round(value, 4) for value in recall_at(pl.Series([[1, None], [3]]), 3)]
    [0.25, 0.25, 0.75]
    """
    found = (
        pl.DataFrame({"ranks": ranks, "weight": 1 / (ranks.list.len() * len(ranks))})
        .explode("ranks")
        .filter(pl.col("ranks").is_between(1, longest))
    )
    at = np.bincount(found["ranks"].to_numpy(), weights=found["weight"].to_numpy(), minlength=longest + 1)
    return tuple(np.cumsum(at[1:]).tolist())
