"""Find a product's place in lists of the whole catalogue."""

from __future__ import annotations

import numpy as np

from gnn_search.explanation.result import Rank
from gnn_search.retrieval.channels import Channel
from gnn_search.retrieval.ranking import PADDING


def find_rank(channel: Channel, user: int, text: str, product: int) -> Rank:
    """Return a product's place in the list that a search as long as the catalogue finds.

    Args:
        channel: A way of ranking.
        user: Node, -1 for nobody in particular.
        text: The normalised query.
        product: Node.
    """
    ranking = channel.rank_texts(np.array([user], dtype=np.int32), [text], channel.index.count)
    listed = ranking.product[0]
    place = np.flatnonzero(listed == product)
    found = int(place[0]) if len(place) else None
    return Rank(
        rank=None if found is None else found + 1,
        of=int((listed != PADDING).sum()),
        score=None if found is None else float(ranking.score[0, found]),
    )
