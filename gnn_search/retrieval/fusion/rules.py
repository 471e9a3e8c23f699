"""Rules by which fused candidates are scored: reciprocal ranks, and a fitted weighted sum of what channels say."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from gnn_search.arrays import Float64
from gnn_search.config.base import Settings
from gnn_search.retrieval.fusion.candidates import FusionCandidates

CONSTANT = 60
"""k of the paper: the larger, the less the first ranks stand out."""

FEATURES = ("score", "rank", "missing")


def reciprocal_ranks(candidates: FusionCandidates) -> Float64:
    r"""Score candidates by the ranks at which channels found them.

    .. math::
        f(p) = \sum_{c \text{ found } p} \frac{1}{k + \text{rank}_c(p)}

    after Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods" (SIGIR 2009).

    Shapes:
        - returns: float64 [candidates]
    """
    score = np.zeros(len(candidates.row))
    for found in candidates.found.values():
        score += np.where(found.rank > 0, 1 / (CONSTANT + found.rank), 0.0)
    return score


class ChannelWeights(Settings):
    """What one channel counts.

    Attributes:
        score: Of its score, as a difference to the best of the request's list; BM25's as a share of that.
        rank: Of minus the logarithm of (9 + rank) / 10, 0 for a product that it did not find.
        missing: For a product that it did not find.
    """

    score: float
    rank: float
    missing: float


class Weights(Settings):
    """What all channels count, by name."""

    channels: dict[str, ChannelWeights] = Field(min_length=1)


class WeightedSum:
    """Scores candidates by a weighted sum of their features."""

    def __init__(self, weights: Weights) -> None:
        self._weights = {name: np.array([getattr(weight, feature) for feature in FEATURES]) for name, weight in weights.channels.items()}

    def __call__(self, candidates: FusionCandidates) -> Float64:
        """Return the scores: float64 [candidates]."""
        total = np.zeros(len(candidates.row))
        for name, weights in self._weights.items():
            # One by one: a matrix product's last digits depend on what else it holds.
            for column, weight in zip(channel_features(candidates, name), weights, strict=True):
                total += weight * column
        return total


def channel_features(candidates: FusionCandidates, name: str) -> Float64:
    """Return what one channel says of candidates.

    Shapes:
        - returns: float64 [features, candidates], rows as in `FEATURES`
    """
    found = candidates.found[name]
    missing = found.rank == 0
    if name == "lexical":
        # The scale of BM25 hangs on the words of the query; a product without one of them scores 0.
        score = np.divide(found.score, found.first, out=np.zeros(len(missing)), where=found.first > 0) - 1
    else:
        score = found.score - found.first
    return np.stack([score, np.where(missing, 0.0, -np.log((9 + found.rank) / 10)), missing])
