"""Find a product's place in lists of the whole catalogue."""

from __future__ import annotations

import numpy as np

from gnn_search.explanation.result import Rank
from gnn_search.retrieval.ranking import PADDING, Ranker
from gnn_search.retrieval.request_encoder import EncodedRequests


def find_rank(ranker: Ranker, requests: EncodedRequests, product: int) -> Rank:
    """Return a product's place in the list that a search as long as the catalogue finds.

    Args:
        ranker: Of a channel.
        requests: One request.
        product: Node.
    """
    ranking = ranker.rank(requests, ranker.index.count)
    listed = ranking.product[0]
    place = np.flatnonzero(listed == product)
    found = int(place[0]) if len(place) else None
    return Rank(
        rank=None if found is None else found + 1,
        of=int((listed != PADDING).sum()),
        score=None if found is None else float(ranking.score[0, found]),
    )
