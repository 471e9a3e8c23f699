"""Count what is asked and answered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from gnn_search.retrieval.channels import Channel
from gnn_search.retrieval.request_histories import Visiting
from gnn_search.retrieval.requests import Requests
from gnn_search.vectors.shop_vectors import ShopVectors


class Counts(BaseModel):
    """Numbers of requests and rows.

    Attributes:
        requests: Rows read.
        rows: Rows written.
        requests_without_products: Requests of which nothing was written, as no product scored enough.
        users_known: Requests of shoppers of whom something was known.
        users_unknown: Requests with an id that the graph does not hold, or of which nothing was known yet; answered plain.
        users_null: Requests without a shopper; answered plain.
        users_given: Requests whose shopper is known by a history that the file gives; in none of the three counts before.
        events_unknown: Events of these histories that are left out, since the graph does not hold their product.
        events_later: Events that are left out, since they are not before the moment.
        queries_known: Requests with a query that had led to a product.
        queries_new: Requests with any other query; answered by its text.
        queries_without_words: Those of them in which no part of a word is known: the shopper alone counts, and without one all products
            score 0.
    """

    requests: int = 0
    rows: int = 0
    requests_without_products: int = 0
    users_known: int = 0
    users_unknown: int = 0
    users_null: int = 0
    users_given: int = 0
    events_unknown: int = 0
    events_later: int = 0
    queries_known: int = 0
    queries_new: int = 0
    queries_without_words: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})


class RequestCounter:
    """Counts requests by what is known of their shoppers and queries.

    Args:
        channel: Knows the queries.
        shop: The shop's vectors; a shopper of whom nothing is known has the zero vector.
    """

    def __init__(self, channel: Channel, shop: ShopVectors) -> None:
        self._channel = channel
        # With a last one for nobody, number -1.
        self._users: NDArray[np.bool_] = np.r_[np.any(shop.vectors["user"], axis=1), False]

    def count(self, requests: Requests, visiting: Visiting | None = None) -> Counts:
        """Count some requests; of the answers nothing is known yet."""
        given = np.zeros(len(requests), dtype=np.bool_)
        if visiting is not None:
            given[visiting.row] = True
        something = self._users[requests.user] & ~given
        nobody = requests.given["user_id"].is_null().to_numpy() & ~given
        texts = requests.text.value_counts()
        known, worded = self._channel.describe_queries(texts.to_series(0).to_list())
        times = texts["count"].to_numpy()
        return Counts(
            requests=len(requests),
            users_known=int(something.sum()),
            users_unknown=int((~something & ~nobody & ~given).sum()),
            users_null=int(nobody.sum()),
            users_given=int(given.sum()),
            events_unknown=0 if visiting is None else int(visiting.read.unknown.sum()),
            events_later=0 if visiting is None else int(visiting.read.later.sum()),
            queries_known=int(times[known].sum()),
            queries_new=int(times[~known].sum()),
            queries_without_words=int(times[~known & ~worded].sum()),
        )
