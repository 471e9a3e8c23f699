"""What a fitted fusion reaches on validation cases, beside each channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnn_search.arrays import sorted_unique
from gnn_search.config.base import StrictModel
from gnn_search.evaluation.result import Estimate
from gnn_search.evaluation.significance import mean_interval
from gnn_search.retrieval.fusion.fit import FUSED, FusionFit
from gnn_search.retrieval.fusion.rules import Weights


class FusionScore(StrictModel):
    """How one channel did.

    Attributes:
        new_queries: Whether only cases with a cold query count.
        lead: Recall of the fusion minus this one, on the same cases; none for the fusion itself.
    """

    method: str
    new_queries: bool
    k: int
    recall: Estimate
    lead: Estimate | None


class FusionSummary(StrictModel):
    """The fitted weights, and what they reach on users that they were not fitted on."""

    out: Path
    cases: int
    users: int
    weights: Weights
    scores: tuple[FusionScore, ...]


def summarise_fusion(fit: FusionFit, k: tuple[int, ...], out: Path, n_resamples: int = 1000, seed: int = 0) -> FusionSummary:
    """Estimate recalls and paired differences with 95 % bootstrap intervals over users."""
    scores = []
    for new_queries in (False, True):
        counted = fit.new if new_queries else np.ones_like(fit.new)
        if not counted.any():
            continue
        user = fit.user[counted]
        for method, recall in fit.recall.items():
            values = np.concatenate([recall[counted], (fit.recall[FUSED] - recall)[counted]], axis=1)
            mean, low, high = (part.tolist() for part in mean_interval(values, user, n_resamples, seed))
            estimates = [Estimate(mean=mean[i], low=low[i], high=high[i], cases=len(user)) for i in range(len(mean))]
            for place, cut in enumerate(k):
                lead = None if method == FUSED else estimates[len(k) + place]
                scores.append(FusionScore(method=method, new_queries=new_queries, k=cut, recall=estimates[place], lead=lead))
    known = fit.user[fit.user >= 0]
    users = len(sorted_unique(known)) + int(np.count_nonzero(fit.user < 0))
    return FusionSummary(out=out, cases=len(fit.user), users=users, weights=fit.weights, scores=tuple(scores))
