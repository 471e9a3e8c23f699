"""Fit the weights of a fusion to relevant products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from gnn_search.arrays import Float64, Int64
from gnn_search.retrieval.fusion.weighted_sum import FEATURES, ChannelWeights, Weights

_STRENGTH = 1e-3
"""Of the penalty on squared weights of features with a deviation of 1: it decides between features that say the same."""


@dataclass(frozen=True, eq=False)
class FusionExamples:
    """Candidates of cases, and which of them are relevant.

    Shapes:
        row: int64 [candidates], the case, ascending; features: float64 [candidates, channels * features]; relevant: bool [candidates].
    """

    channels: Sequence[str]
    row: Int64
    features: Float64
    relevant: npt.NDArray[np.bool_]

    def of(self, cases: npt.NDArray[np.bool_]) -> FusionExamples:
        """Return the candidates of some cases, bool [cases]."""
        kept = cases[self.row]
        return FusionExamples(self.channels, self.row[kept], self.features[kept], self.relevant[kept])


def fit_weights(examples: FusionExamples) -> Weights:
    """Fit weights so that each relevant candidate stands above all others of its case.

    The mean over cases of the softmax loss of each relevant candidate against the others, with a small penalty on squared weights;
    convex, so there is one best answer. Cases of which no candidate or every candidate is relevant teach nothing; without any other all
    weights are 0.
    """
    kept = _teaching(examples)
    row = np.unique(examples.row[kept], return_inverse=True)[1]
    features, relevant = examples.features[kept], examples.relevant[kept]
    deviation = features.std(axis=0) if len(row) else np.ones(features.shape[1])
    scaled = features / np.where(deviation > 1e-9, deviation, np.inf)
    problem = _Problem(row, scaled, relevant)
    start = np.zeros(features.shape[1])
    found = minimize(problem.loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x if len(row) else start
    weights = found / np.where(deviation > 1e-9, deviation, np.inf)
    per_channel = weights.reshape(len(examples.channels), len(FEATURES)).tolist()
    return Weights(
        channels={
            name: ChannelWeights(**dict(zip(FEATURES, values, strict=True)))
            for name, values in zip(examples.channels, per_channel, strict=True)
        }
    )


class _Problem:
    """The loss and its gradient.

    Shapes:
        row: int64 [n], ascending, without gaps; features: float64 [n, columns]; relevant: bool [n].
    """

    def __init__(self, row: Int64, features: Float64, relevant: npt.NDArray[np.bool_]) -> None:
        self._row, self._features, self._relevant = row, features, relevant
        self._starts = np.searchsorted(row, np.arange(row[-1] + 1)) if len(row) else np.empty(0, np.int64)
        positives = np.add.reduceat(relevant.astype(np.float64), self._starts) if len(row) else np.empty(0)
        self._share = np.where(relevant, 1 / (positives[row] * max(len(positives), 1)), 0.0)

    def loss(self, weights: Float64) -> tuple[float, Float64]:
        score = self._features @ weights
        others = np.where(self._relevant, -np.inf, score)
        most = np.maximum.reduceat(others, self._starts)
        against = np.exp(others - most[self._row])
        total = np.add.reduceat(against, self._starts)
        gap = (most + np.log(total))[self._row] - score
        # softplus, and its derivative, the sigmoid.
        loss = np.sum(self._share * np.logaddexp(0, np.where(self._relevant, gap, 0)))
        push = self._share * np.where(self._relevant, 1 / (1 + np.exp(-np.clip(gap, -500, 500))), 0)
        pushed = np.add.reduceat(push, self._starts)
        slope = against * (pushed / total)[self._row] - push
        return float(loss + _STRENGTH * weights @ weights), self._features.T @ slope + 2 * _STRENGTH * weights


def _teaching(examples: FusionExamples) -> npt.NDArray[np.bool_]:
    """Say which candidates are of cases that hold both kinds."""
    cases = int(examples.row[-1]) + 1 if len(examples.row) else 0
    positives = np.bincount(examples.row[examples.relevant], minlength=cases)
    others = np.bincount(examples.row[~examples.relevant], minlength=cases)
    return ((positives > 0) & (others > 0))[examples.row]
