"""The personal vectors of a file of requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnn_search.arrays import mapped_array
from gnn_search.export.source import VectorTable
from gnn_search.requests.request_file import RequestFile
from gnn_search.retrieval.retriever import Retriever

_BLOCK = 8192
"""Requests encoded at a time."""


def encode_request_file(retriever: Retriever, file: Path, spool: Path) -> VectorTable:
    """Encode each request as searches do: the query's vector, moved towards the user where something is known.

    Args:
        retriever: Encodes them.
        file: Parquet, CSV or JSON lines with the column `query`, and `user_id` or `history` where a user searches.
        spool: File made here, in which the vectors lie: memory holds one block of them.

    Raises:
        TableError: `file` can't be used.
        RequestError: A query is blank.
    """
    requests = RequestFile(file, retriever.model.graph)
    checked = requests.check()
    vectors = mapped_array(spool, np.float32, (checked.requests, retriever.model.manifest.dimension))
    given, done = [], 0
    for table in requests.blocks(checked, _BLOCK):
        user_id, found = retriever.encode_table(table, ids_fit=checked.ids_fit)
        vectors[done : done + table.height] = found
        given.append(user_id)
        done += table.height
    return VectorTable(pl.concat(given), vectors)
