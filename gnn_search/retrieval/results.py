"""Lists of products as rows, with the shop's own ids."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from gnn_search.graph.csr import Float32, Int32, Int64
from gnn_search.retrieval.ranking import PADDING

COLUMNS = ("user_id", "query", "rank", "product_id", "score")


def result_rows(
    given: pl.DataFrame,
    place: Int64,
    product: Int32,
    score: Float32,
    product_ids: pl.Series,
    ranks: Mapping[str, Int32] | None = None,
) -> pl.DataFrame:
    """Write lists out as rows, request by request, best first; padding is left out.

    Args:
        given: `user_id` and `query` of each request.
        place: The list of each request.
        product: Products of each list.
        score: Their scores.
        product_ids: The shop's id of each product.
        ranks: Of each fused channel, by name, the rank at which it found the product, 0 where it did not: a column each, null there.

    Shapes:
        given: n rows; place: int64 [n], below m; product, score, ranks: [m, k]; returns at most n * k rows of `COLUMNS` and `NAME_rank`.
    """
    places = product.shape[1]
    request = np.repeat(np.arange(given.height), places)
    rank = np.tile(np.arange(1, places + 1, dtype=np.int32), given.height)
    chosen = product[place].reshape(-1)
    kept = np.flatnonzero(chosen != PADDING)
    return given[request[kept]].with_columns(
        rank=pl.Series(rank[kept]),
        product_id=product_ids.gather(pl.Series(chosen[kept])),
        score=pl.Series(score[place].reshape(-1)[kept]),
        **{f"{name}_rank": _rank_column(rank[place].reshape(-1)[kept]) for name, rank in (ranks or {}).items()},
    )


def _rank_column(rank: Int32) -> pl.Series:
    column = pl.Series(rank, dtype=pl.Int32)
    return column.set(column == 0, None)
