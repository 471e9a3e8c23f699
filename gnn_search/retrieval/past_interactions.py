"""What a user interacted with before, for a reader who looks at a result."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from pydantic import BaseModel

from gnn_search.graph.store import GraphView
from gnn_search.requests.request import RequestBatch
from gnn_search.retrieval.retriever import Retriever

_SHOWN = 8
"""Products of the user's past that are shown."""


class PastProduct(BaseModel):
    """One product that the user interacted with before; `last` is a time in UTC."""

    product_id: str | int
    title: str
    category: str
    times: int
    last: datetime


class PastInteractions(BaseModel):
    """What a user interacted with before, beside one result.

    Attributes:
        hits: How often and when last each hit was interacted with, None for one that never was; in the order of the hits.
        products: Of the categories of the hits, the latest first, at most 8.
        num_products: How many there are in these categories in all.
    """

    hits: list[PastProduct | None]
    products: list[PastProduct]
    num_products: int


def past_interactions(retriever: Retriever, batch: RequestBatch, place: int, product_ids: Sequence[str | int]) -> PastInteractions:
    """Look up what the user of the request at `place` did before, among the hits `product_ids` and in their categories."""
    described, users = int(batch.inductive_user[place]), batch.inductive_users
    graph = retriever.model.graph if users is None or described < 0 else users.graph
    past = _interactions(graph.before(retriever.as_of), described if described >= 0 else int(batch.user[place]))
    past = past.join(retriever.products.with_row_index("product"), on="product", how="left", maintain_order="left")
    by_id = {row["product_id"]: _past_product(row) for row in past.iter_rows(named=True) if row["product_id"] in set(product_ids)}
    wanted = retriever.products.filter(pl.col("product_id").is_in(list(product_ids)))["category_node"].drop_nulls()
    there = past.filter(pl.col("category_node").is_in(wanted.unique().to_list()))
    return PastInteractions(
        hits=[by_id.get(one) for one in product_ids],
        products=[_past_product(row) for row in there.head(_SHOWN).iter_rows(named=True)],
        num_products=there.height,
    )


def _past_product(row: dict[str, object]) -> PastProduct:
    return PastProduct.model_validate({name: row[name] for name in PastProduct.model_fields})


def _interactions(view: GraphView, user: int) -> pl.DataFrame:
    """Return `product`, `times` and `last` of a user's interactions, the latest first."""
    products, times = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for source, action, target in view.graph.positive_relations if user >= 0 else []:
        edges = view.edges((target, f"rev_{action}", source))
        seen = slice(int(edges.starts[user]), int(edges.ends[user]))
        assert edges.csr.time is not None
        products.append(np.asarray(edges.csr.index[seen]))
        times.append(np.asarray(edges.csr.time[seen]))
    events = pl.DataFrame({"product": pl.Series(np.concatenate(products), dtype=pl.UInt32), "time": np.concatenate(times)})
    counted = events.group_by("product").agg(times=pl.len(), last=pl.col("time").max().cast(pl.Datetime("us")))
    return counted.sort("last", "times", "product", descending=[True, True, False])
