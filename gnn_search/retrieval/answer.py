"""Answer a block of requests."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.index.product_index import check_k
from gnn_search.model.store import Model
from gnn_search.retrieval.channels import ChannelKind, open_channel
from gnn_search.retrieval.counts import Counts, RequestCounter
from gnn_search.retrieval.fusion.weighted_sum import Weights
from gnn_search.retrieval.ranking import PADDING
from gnn_search.retrieval.requests import Requests
from gnn_search.retrieval.results import result_rows
from gnn_search.vectors.shop_vectors import open_shop_vectors


class Answerer:
    """Ranks products for blocks of requests, each distinct request of a block once.

    Args:
        model: The model.
        as_of: The moment before which everything is known, µs.
        k: Products a request.
        kind: The way of ranking.
        min_score: Leave out products whose cosine with the request is less.
        weights: Of a fusion, for the way `fused`.

    Raises:
        RequestError: `k` is below 1 or larger than the catalogue.
    """

    def __init__(
        self, model: Model, as_of: int, k: int, kind: ChannelKind = "full", min_score: float | None = None, weights: Weights | None = None
    ) -> None:
        shop = open_shop_vectors(model, as_of)
        self.channel = open_channel(model, shop, kind, weights)
        check_k(k, self.channel.index.count)
        self._counter = RequestCounter(self.channel, shop)
        self._product_ids = model.graph.nodes("product").to_series(0)
        self._k, self._min_score = k, min_score

    def answer(self, requests: Requests) -> tuple[pl.DataFrame, Counts]:
        """Return the rows of some requests' lists, in the order of the requests, and what they count."""
        asked = pl.DataFrame({"user": requests.user, "text": requests.text})
        distinct = asked.unique().sort("user", "text").with_row_index("place")
        place = asked.join(distinct, on=["user", "text"], how="left", maintain_order="left")["place"].to_numpy().astype(np.int64)
        ranking = self.channel.rank_texts(distinct["user"].to_numpy(), distinct["text"].to_list(), self._k, self._min_score)
        rows = result_rows(requests.given, place, ranking.product, ranking.score, self._product_ids, ranking.ranks)
        without = int(np.count_nonzero(ranking.product[place, 0] == PADDING))
        return rows, self._counter.count(requests) + Counts(rows=rows.height, requests_without_products=without)
