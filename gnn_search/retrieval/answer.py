"""Answer a block of requests."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.graph.csr import Int32, Int64
from gnn_search.index.base import check_k
from gnn_search.model.store import Model
from gnn_search.retrieval.channels import open_channel
from gnn_search.retrieval.counts import Counts, RequestCounter
from gnn_search.retrieval.ranking import PADDING, Ranking
from gnn_search.retrieval.request_histories import RequestHistories, Visiting
from gnn_search.retrieval.requests import Requests
from gnn_search.retrieval.results import result_rows
from gnn_search.retrieval.way import Way
from gnn_search.vectors.shop_vectors import open_shop_vectors


class Answerer:
    """Ranks products for blocks of requests, each distinct request of a block once.

    Args:
        model: The model.
        as_of: The moment before which everything is known, µs.
        k: Products a request.
        way: The way of ranking.
        min_score: Leave out products whose cosine with the request is less.

    Raises:
        RequestError: `k` is below 1 or larger than the catalogue, or the model can't rank this way.
    """

    def __init__(self, model: Model, as_of: int, k: int, way: Way, min_score: float | None = None) -> None:
        shop = open_shop_vectors(model, as_of)
        self.channel = open_channel(model, shop, way.kind, way.weights, index=way.index, boost=way.boost, action=way.action)
        check_k(k, self.channel.index.count)
        self._counter, self._histories = RequestCounter(self.channel, shop), RequestHistories(model, as_of)
        self._k, self._min_score, self._allowed = k, min_score, None if way.allowed is None else way.allowed.product

    def answer(self, requests: Requests) -> tuple[pl.DataFrame, Counts]:
        """Return the rows of some requests' lists, in the order of the requests, and what they count.

        Raises:
            RequestError: A history can't be read.
        """
        visiting = self._histories.read(requests)
        ranking, place = self._rank(requests, visiting)
        rows = result_rows(requests.given, place, ranking.product, ranking.score, self.channel.product_ids, ranking.ranks)
        without = int(np.count_nonzero(ranking.product[place, 0] == PADDING))
        return rows, self._counter.count(requests, visiting) + Counts(rows=rows.height, requests_without_products=without)

    def _rank(self, requests: Requests, visiting: Visiting | None) -> tuple[Ranking, Int64]:
        """Return lists, and which of them each request has."""
        asked = pl.DataFrame({"user": requests.user, "text": requests.text})
        by_graph = np.ones(len(requests), dtype=np.bool_)
        if visiting is not None:
            by_graph[visiting.row] = False
        distinct = asked.filter(by_graph).unique().sort("user", "text").with_row_index("place")
        joined = asked.join(distinct, on=["user", "text"], how="left", maintain_order="left")
        place = joined["place"].fill_null(0).to_numpy().astype(np.int64)
        lists = []
        if distinct.height:
            lists.append(self._rank_texts(distinct["user"].to_numpy(), distinct["text"].to_list()))
        if visiting is not None:
            guest = np.arange(len(visiting.row), dtype=np.int32)
            texts = requests.text.gather(visiting.row).to_list()
            asking = self.channel.ask_texts(guest, texts, visiting.guests)
            lists.append(self.channel.rank_asked(asking, self._k, self._min_score, self._allowed))
            place[visiting.row] = distinct.height + guest
        return lists[0] if len(lists) == 1 else _joined(lists), place

    def _rank_texts(self, user: Int32, texts: list[str]) -> Ranking:
        if self._allowed is None:
            return self.channel.rank_texts(user, texts, self._k, self._min_score)
        return self.channel.rank_asked(self.channel.ask_texts(user, texts), self._k, self._min_score, self._allowed)


def _joined(lists: list[Ranking]) -> Ranking:
    return Ranking(
        np.concatenate([one.product for one in lists]),
        np.concatenate([one.score for one in lists]),
        {name: np.concatenate([one.ranks[name] for one in lists]) for name in lists[0].ranks},
    )
