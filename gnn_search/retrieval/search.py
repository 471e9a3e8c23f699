"""Answer one search with what a reader wants to see beside the products."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from pydantic import BaseModel

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32
from gnn_search.graph.store import GraphView, to_datetime
from gnn_search.model.store import Model
from gnn_search.retrieval.channels import open_channel
from gnn_search.retrieval.ranking import PADDING
from gnn_search.retrieval.visits import Request, VisitReader, Visits
from gnn_search.retrieval.way import Way
from gnn_search.tables.text import normalise_text
from gnn_search.vectors.shop_vectors import open_shop_vectors

_REMEMBERED = 8
"""Products of the shopper's past that are shown."""


class Hit(BaseModel):
    """One product found.

    Attributes:
        rank: From 1.
        product_id: The shop's id.
        title: Of the product.
        category: Its category path; empty for a product in none.
        score: What the list is ordered by; of the vectors alone the cosine.
        times_chosen: How often the shopper chose it before.
        last_chosen: When last (UTC).
    """

    rank: int
    product_id: str | int
    title: str
    category: str
    score: float
    times_chosen: int
    last_chosen: datetime | None


class Remembered(BaseModel):
    """One product that the shopper chose before."""

    product_id: str | int
    title: str
    category: str
    times_chosen: int
    last_chosen: datetime


class SearchResult(BaseModel):
    """What a search found.

    Attributes:
        query: The normalised text.
        query_known: Whether it led to a product before.
        user_id: The shopper as given.
        user_known: Whether the graph holds this shopper, or a history is given.
        history: How many products of a given history count; none where none is given.
        note: A sentence for the searcher where the answer is not what was asked for.
        as_of: What was known before this moment (UTC) counts.
        choice: What it is to choose a product, `bought` or `chose`.
        hits: The products, best first.
        remembered: What the shopper chose before in the categories of the hits, the latest first.
        remembered_products: How many products that are in all.
    """

    query: str
    query_known: bool
    user_id: str | None
    user_known: bool
    history: int | None
    note: str | None
    as_of: datetime
    choice: str
    hits: list[Hit]
    remembered: list[Remembered]
    remembered_products: int


class Searcher:
    """Answers searches one by one.

    Args:
        model: The model.
        as_of: The moment before which everything is known, µs; by default the start of the test period.
        way: The way of ranking, by default vectors and walks together.
    """

    def __init__(self, model: Model, as_of: int | None = None, way: Way | None = None) -> None:
        way = Way() if way is None else way
        self._graph = model.graph
        self._shop = open_shop_vectors(model, as_of)
        self._channel = open_channel(model, self._shop, way.kind, way.weights, index=way.index, boost=way.boost, action=way.action)
        self._allowed = None if way.allowed is None else way.allowed.product
        self._view = model.graph.before(self._shop.as_of)
        self._products = describe_products(model, self._channel.product_ids)
        self._visits = VisitReader(model, self._shop.as_of)

    def search(
        self,
        text: str,
        user: str | int | None = None,
        k: int = 10,
        min_score: float | None = None,
        history: Sequence[str | int] | None = None,
    ) -> SearchResult:
        """Find products for a text.

        Args:
            text: In any case and spacing.
            user: The shop's id of a shopper, also as text where ids are integers. One that the graph does not hold gets the plain result.
            k: Products wanted, at most.
            min_score: Their least cosine with the request.
            history: Ids of products that the shopper chose, the latest last, in the place of what the graph knows.

        Raises:
            RequestError: The text is blank, or `k` is below 1 or larger than the catalogue.
        """
        query = normalise_text(text)
        if not query:
            raise RequestError(f"the query {text!r} is blank; give at least one word")
        visits = self._visits.read([request := Request(text, user, history)])
        node, view = int(visits.user[0]), self._view
        if visits.guests is not None:
            node, view = int(visits.guest[0]), visits.guests.graph.before(self._shop.as_of)
        asked = self._channel.ask_texts(np.array([node], dtype=np.int32), [query], visits.guests)
        ranking = self._channel.rank_asked(asked, k, min_score, self._allowed)
        known, worded = self._channel.describe_queries([query])
        past = _past(view, node)
        found = pl.DataFrame({"product": ranking.product[0], "score": ranking.score[0]}).with_row_index("rank", offset=1)
        found = found.filter(pl.col("product") != PADDING)
        hits = found.join(self._products, on="product", how="left", maintain_order="left")
        hits = hits.join(past, on="product", how="left", maintain_order="left").with_columns(pl.col("times_chosen").fill_null(0))
        categories = hits.select("category_node").unique().drop_nulls()
        there = past.join(self._products, on="product", how="left", maintain_order="left")
        there = there.join(categories, on="category_node", how="semi", maintain_order="left")
        return SearchResult(
            query=query,
            query_known=bool(known[0]),
            user_id=None if user is None else str(user),
            user_known=node >= 0,
            history=None if history is None else len(history) - int(visits.unknown[0]),
            note=self._note(request, visits, bool(known[0] or worded[0])),
            as_of=to_datetime(self._shop.as_of),
            choice="bought" if self._graph.positive_actions == ["purchase"] else "chose",
            hits=[Hit.model_validate(row) for row in hits.iter_rows(named=True)],
            remembered=[Remembered.model_validate(row) for row in there.head(_REMEMBERED).iter_rows(named=True)],
            remembered_products=there.height,
        )

    def _note(self, request: Request, visits: Visits, worded: bool) -> str | None:
        node, guest = int(visits.user[0]), int(visits.guest[0])
        something = guest >= 0 or (node >= 0 and bool(self._shop.vectors["user"][node].any()))
        notes = []
        if not worded:
            what = "the user alone counts" if something else "all products score 0"
            notes.append(f"no part of any word of this query is known, so {what}")
        notes += self._visits.notes(request, visits, 0)
        if node >= 0 and not something:
            notes.append(f"nothing was known of user {str(request.user)!r} yet, so the results are plain")
        return "; ".join(notes) or None


def _past(view: GraphView, user: int) -> pl.DataFrame:
    """Return what a shopper chose before: `product`, `times_chosen`, `last_chosen`, the latest first."""
    product, time = _choices(view, user)
    events = pl.DataFrame({"product": pl.Series(product, dtype=pl.Int32), "time": pl.Series(time, dtype=pl.Int64)})
    counted = events.group_by("product").agg(times_chosen=pl.len(), last_chosen=pl.col("time").max().cast(pl.Datetime("us")))
    return counted.sort("last_chosen", "times_chosen", "product", descending=[True, True, False])


def describe_products(model: Model, ids: pl.Series) -> pl.DataFrame:
    """Return `product` (row), `product_id`, `title`, `category_node` and `category` (path) of every product.

    Args:
        model: The model.
        ids: Of its products, and behind them of others, which have an id alone.
    """
    products = model.graph.nodes("product")
    paths = model.graph.nodes("category")["path"]
    node = pl.Series(np.asarray(model.graph.taxonomy.product_category), dtype=pl.Int32)
    others = len(ids) - products.height
    placed = node.set(node < 0, None).extend(pl.Series([None] * others, dtype=pl.Int32))
    return pl.DataFrame(
        {
            "product": pl.Series(np.arange(len(ids), dtype=np.int32)),
            "product_id": ids,
            "title": pl.concat([products["title"].cast(pl.String), pl.Series([""] * others, dtype=pl.String)]),
            "category_node": placed,
            "category": paths.gather(placed).fill_null("") if len(paths) else pl.Series([""] * len(ids), dtype=pl.String),
        }
    )


def _choices(view: GraphView, user: int) -> tuple[Int32, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the products that a shopper chose and when, an entry a choice."""
    products, times = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for source, action, target in view.graph.positive_relations if user >= 0 else []:
        edges = view.edges((target, f"rev_{action}", source))
        seen = slice(int(edges.starts[user]), int(edges.ends[user]))
        assert edges.csr.time is not None
        products.append(np.asarray(edges.csr.index[seen]))
        times.append(np.asarray(edges.csr.time[seen]))
    return np.concatenate(products), np.concatenate(times)
