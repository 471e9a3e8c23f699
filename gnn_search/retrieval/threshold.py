"""Leave out of lists what is less similar to the request than a threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from gnn_search.arrays import PADDING, Float32, Int32
from gnn_search.errors import RequestError
from gnn_search.index.base import pair_scores
from gnn_search.retrieval.ranking import CaseRanker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests


def resolve_min_score(stated: str | None, thresholds: Mapping[str, float]) -> float | None:
    """Return the least score that is wanted.

    Args:
        stated: A number, or an action kind whose threshold the model has; None for no threshold.
        thresholds: The model's, by action.

    Raises:
        RequestError: It is neither.
    """
    if stated is None:
        return None
    if stated in thresholds:
        return thresholds[stated]
    try:
        number = float(stated)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    if not thresholds:
        raise RequestError(
            f"the least score {stated!r} is no number, and the model has no threshold for any action, as it was not taught with loss.kind "
            "hinge; give a number such as 0.5"
        )
    actions = ", ".join(thresholds)
    raise RequestError(f"the least score {stated!r} is neither a number nor an action; give a number such as 0.5, or one of {actions}")


def cut(ranking: Ranking, min_score: float | None, similarity: Float32 | None = None) -> Ranking:
    """Return the lists without the products that are less similar than a threshold.

    Args:
        ranking: The lists.
        min_score: The threshold; None keeps all.
        similarity: Cosine of each place's product and its request; by default the score, which is that in lists by vector.

    Shapes:
        similarity: float32 [requests, k].
    """
    if min_score is None:
        return ranking
    kept = (ranking.score if similarity is None else similarity) >= np.float32(min_score)
    kept &= ranking.product != PADDING
    order = np.argsort(~kept, axis=1, kind="stable")
    product = np.where(kept, ranking.product, PADDING).astype(np.int32)
    score = np.where(kept, ranking.score, -np.inf).astype(np.float32)
    ranks = {name: np.take_along_axis(np.where(kept, rank, 0).astype(np.int32), order, axis=1) for name, rank in ranking.ranks.items()}
    return Ranking(np.take_along_axis(product, order, axis=1), np.take_along_axis(score, order, axis=1), ranks)


class SimilarityCut:
    """Cuts any lists of encoded requests by the cosine of product and request, whatever they are ordered by.

    Args:
        products: Vectors of the graph's products.
        boosted: Whether scores hold a boost beside the cosine.

    Shapes:
        - products: float32 [n, d]
    """

    def __init__(self, products: Float32, *, boosted: bool) -> None:
        self._products, self._boosted = products, boosted

    def __call__(self, requests: EncodedRequests, ranking: Ranking, min_score: float) -> Ranking:
        """Return the lists without what is less similar than a threshold.

        Raises:
            RequestError: The lists hold boosted products that the graph does not, whose cosine is not known.
        """
        row = np.repeat(np.arange(len(ranking.product), dtype=np.int64), ranking.product.shape[1])
        new = ranking.product >= len(self._products)
        known = np.where(new, 0, np.maximum(ranking.product, 0))
        similarity = pair_scores(self._products, requests.vector.numpy(), row, known.ravel()).reshape(known.shape).astype(np.float32)
        if new.any() and self._boosted:
            raise RequestError("the cosine of boosted products that the graph does not hold is not known; leave the least score out")
        # Without a boost the score of what only the index holds is its cosine, as well as the index knows it.
        return cut(ranking, min_score, np.where(new, ranking.score, similarity))


class MinScoreCaseRanker:
    """A case ranker whose lists end where another's fall below a threshold."""

    def __init__(self, ranker: CaseRanker, min_score: float) -> None:
        self.name = ranker.name
        self._ranker, self._min_score = ranker, min_score

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`."""
        return cut(self._ranker.rank(user, query, k), self._min_score)
