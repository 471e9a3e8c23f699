"""Reciprocal rank fusion, which needs no scores and nothing to be fitted."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float64
from gnn_search.retrieval.fusion.candidates import FusionCandidates

CONSTANT = 60
"""k of the paper: the larger, the less the first ranks stand out."""


def reciprocal_ranks(candidates: FusionCandidates) -> Float64:
    r"""Score candidates by the ranks at which channels found them.

    .. math::
        f(p) = \sum_{c \text{ found } p} \frac{1}{k + \text{rank}_c(p)}

    after Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods" (SIGIR 2009).

    Shapes:
        Returns float64 [candidates].
    """
    score = np.zeros(len(candidates.row))
    for found in candidates.found.values():
        score += np.where(found.rank > 0, 1 / (CONSTANT + found.rank), 0.0)
    return score
