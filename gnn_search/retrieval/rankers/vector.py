"""Rank by the nearest product vectors."""

from __future__ import annotations

from gnn_search.arrays import Int32
from gnn_search.errors import RequestError
from gnn_search.index.base import ProductIndex, check_k
from gnn_search.index.boosting.boost import Boost, boosted_queries
from gnn_search.retrieval.ranking import Ranking, padded
from gnn_search.retrieval.request_encoder import EncodedRequests


class VectorRanker:
    """Looks up the nearest products of each request.

    Args:
        index: The products' vectors; with a boost, their boosted vectors.
        dimension: Of the requests' vectors.
        boost: What products are boosted by; a score is then the cosine plus the boost.
        action: Whose weights boost; may be left out where the shop logs one kind of action.

    Raises:
        RequestError: The index holds vectors of another dimension.
    """

    def __init__(self, index: ProductIndex, dimension: int, boost: Boost | None = None, action: str | None = None) -> None:
        self.index, self._boost, self._action = index, boost, action
        expected = dimension + (0 if boost is None else len(boost.dimensions))
        if index.dimension != expected:
            raise RequestError(f"the index holds vectors of {index.dimension} numbers, expected {expected}; give an index made for this")

    def rank(self, requests: EncodedRequests, k: int, allowed: Int32 | None = None) -> Ranking:
        """See `Ranker.rank`; a score is the inner product."""
        check_k(k, self.index.count)
        vectors = requests.vector.numpy()
        if self._boost is not None:
            vectors = boosted_queries(vectors, self._boost, self._action)
        score, product = self.index.search(vectors, k, allowed)
        return padded(Ranking(product, score), k)
