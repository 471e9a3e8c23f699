"""The personal vectors of a file of requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import mapped_array
from gnn_search.export.source import VectorTable
from gnn_search.model.store import Model
from gnn_search.retrieval.request_histories import RequestHistories
from gnn_search.retrieval.requests import RequestFile
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.vectors.shop_vectors import ShopVectors

_BLOCK = 8192
"""Requests encoded at a time."""


def encode_requests(model: Model, shop: ShopVectors, file: Path, spool: Path) -> VectorTable:
    """Encode each request as the retrieval does: the query's vector, made personal where something is known of the shopper.

    Args:
        model: The model.
        shop: Its vectors.
        file: Parquet, CSV or JSON lines with the column `query`, and `user_id` or `history` where a shopper asks.
        spool: File made here, in which the vectors lie: memory holds one block of them.

    Raises:
        TableError: `file` can't be used.
        RequestError: A query is blank.
    """
    requests = RequestFile(file, model.graph)
    checked = requests.check()
    channel, histories = VectorChannel(model, shop), RequestHistories(model, shop.as_of)
    vectors = mapped_array(spool, np.float32, (checked.requests, model.manifest.dimension))
    given, done = [], 0
    for block in requests.blocks(checked, _BLOCK):
        asked = pl.DataFrame({"user": block.user, "text": block.text})
        distinct = asked.unique().sort("user", "text").with_row_index("place")
        place = asked.join(distinct, on=["user", "text"], how="left", maintain_order="left")["place"].to_numpy()
        found = channel.ask_texts(distinct["user"].to_numpy(), distinct["text"].to_list()).vector.numpy()
        vectors[done : done + len(block)] = found[place]
        visiting = histories.read(block)
        if visiting is not None:
            guest = np.arange(len(visiting.row), dtype=np.int32)
            own = channel.ask_texts(guest, block.text.gather(visiting.row).to_list(), visiting.guests)
            vectors[done + visiting.row] = own.vector.numpy()
        given.append(block.given)
        done += len(block)
    return VectorTable(pl.concat(given), vectors)
