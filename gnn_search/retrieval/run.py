"""Answer a file of requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import BaseModel

from gnn_search.graph.store import to_datetime
from gnn_search.layout import refuse_existing
from gnn_search.model.store import Model
from gnn_search.retrieval.channels import Channel, ChannelKind, open_channel
from gnn_search.retrieval.formats import FileFormat, file_writer
from gnn_search.retrieval.fusion.weighted_sum import Weights
from gnn_search.retrieval.ranking import PADDING
from gnn_search.retrieval.requests import Requests, read_requests
from gnn_search.retrieval.results import result_rows
from gnn_search.vectors.shop_vectors import ShopVectors, open_shop_vectors

BLOCK = 8192
"""Requests answered at a time."""


class RetrievalSummary(BaseModel):
    """What was asked and written.

    Attributes:
        out: The file of results.
        as_of: What was known just before this moment (UTC) answered the requests.
        k: Products a request, at most.
        min_score: Their least cosine with the request; none where any will do.
        requests: Rows read.
        rows: Rows written.
        requests_without_products: Requests of which nothing was written, as no product scored enough.
        users_known: Requests of shoppers of whom something was known.
        users_unknown: Requests with an id that the graph does not hold, or of which nothing was known yet; answered plain.
        users_null: Requests without a shopper; answered plain.
        queries_known: Requests with a query that had led to a product.
        queries_new: Requests with any other query; answered by its text.
        queries_without_words: Those of them in which no part of a word is known: the shopper alone counts, and without one all products
            score 0.
    """

    out: Path
    as_of: datetime
    k: int
    min_score: float | None
    requests: int
    rows: int
    requests_without_products: int
    users_known: int
    users_unknown: int
    users_null: int
    queries_known: int
    queries_new: int
    queries_without_words: int


def retrieve(
    model: Model,
    source: Path,
    out: Path,
    k: int,
    as_of: int,
    *,
    kind: ChannelKind = "full",
    weights: Weights | None = None,
    min_score: float | None = None,
    block: int = BLOCK,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RetrievalSummary:
    """Rank products for every request of a file and write the lists.

    Args:
        model: The model.
        source: The requests, see `read_requests`.
        out: The file to write: parquet, CSV or JSON lines, by suffix.
        k: Products a request.
        as_of: The moment before which everything is known, µs.
        kind: The way of ranking.
        weights: Of a fusion, for the way `fused`.
        min_score: Leave out products whose cosine with the request is less.
        block: Requests answered at a time.
        progress: Told the requests answered and their total.

    Raises:
        OutputExistsError: `out` exists.
        TableError: `source` can't be used, or a suffix is unknown.
        RequestError: A query is blank, or `k` is below 1 or larger than the catalogue.
    """
    FileFormat.of(out)
    refuse_existing(out)
    requests = read_requests(source, model.graph)
    shop = open_shop_vectors(model, as_of)
    channel = open_channel(model, shop, kind, weights)
    channel.index.check_k(k)
    product_ids = model.graph.nodes("product").to_series(0)
    rows = empty = 0
    with file_writer(out) as append:
        for start in range(0, len(requests), block):
            part = slice(start, min(start + block, len(requests)))
            asked = pl.DataFrame({"user": requests.user[part], "text": requests.text[part]})
            distinct = asked.unique().sort("user", "text").with_row_index("place")
            place = asked.join(distinct, on=["user", "text"], how="left", maintain_order="left")["place"].to_numpy().astype(np.int64)
            ranking = channel.rank_texts(distinct["user"].to_numpy(), distinct["text"].to_list(), k, min_score)
            found = result_rows(requests.given[part], place, ranking.product, ranking.score, product_ids, ranking.ranks)
            append(found)
            rows += found.height
            empty += int(np.count_nonzero(ranking.product[place, 0] == PADDING))
            progress(part.stop, len(requests))
    written = {"k": k, "min_score": min_score, "rows": rows, "requests_without_products": empty}
    return RetrievalSummary(out=out, as_of=to_datetime(shop.as_of), **written, **_count_requests(requests, channel, shop))


def _count_requests(requests: Requests, channel: Channel, shop: ShopVectors) -> dict[str, int]:
    something = _known_users(shop)[requests.user] & (requests.user >= 0) if len(shop.vectors["user"]) else requests.user >= 0
    nobody = requests.given["user_id"].is_null().to_numpy()
    texts = requests.text.value_counts()
    known, worded = channel.describe_queries(texts.to_series(0).to_list())
    times = texts["count"].to_numpy()
    return {
        "requests": len(requests),
        "users_known": int(something.sum()),
        "users_unknown": int((~something & ~nobody).sum()),
        "users_null": int(nobody.sum()),
        "queries_known": int(times[known].sum()),
        "queries_new": int(times[~known].sum()),
        "queries_without_words": int(times[~known & ~worded].sum()),
    }


def _known_users(shop: ShopVectors) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say of which shoppers something is known: bool [users]."""
    return np.asarray(np.any(shop.vectors["user"], axis=1))
