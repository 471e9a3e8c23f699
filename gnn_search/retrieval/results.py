"""What searches found: as objects, as rows with the shop's own ids, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, overload

import numpy as np
import polars as pl
from pydantic import BaseModel

from gnn_search.arrays import PADDING, Bool, Int32, Int64
from gnn_search.requests.request import RequestBatch
from gnn_search.retrieval.query_readings import QueryReadings
from gnn_search.retrieval.ranking import Ranking
from gnn_search.trained.model import Model

COLUMNS = ("user_id", "query", "rank", "product_id", "score")
"""Of the rows of results."""


@dataclass(frozen=True)
class Hit:
    """One product found.

    Attributes:
        rank: From 1.
        category: Its category path; empty for a product in none.
        score: What the list is ordered by; in the channel `vector` the cosine.
    """

    rank: int
    product_id: str | int
    title: str
    category: str
    score: float


@dataclass(frozen=True)
class SearchResult(Sequence[Hit]):
    """The products found for one request, best first: a sequence of hits.

    Attributes:
        query: The normalised text.
        query_known: Whether it had an interaction before.
        read_as: The known queries that a new one is read as, the likest first; empty for a known query, and where none is like it.
        confidence: The chance that the first ten products hold one that fits, from how much is known of queries like it and how well
            its words and vector match these products; 1 for a known query.
        matches: Whether the confidence is high enough; where it is not, nothing matches well.
        user_id: The user, as the graph writes the id; as given where the graph does not hold it.
        user_known: Whether the graph holds this user, or the request describes one.
        as_of: Everything before it was known (UTC).
        history_events: Events of the history that was given and counts; None where none was given.
        unknown_events: Events of the history that are left out, since their product is not in the graph.
        later_events: Events of the history that are left out, since they are not before `as_of`.
        notes: A sentence each for whatever makes the answer differ from the request.
    """

    query: str
    query_known: bool
    user_id: str | int | None
    user_known: bool
    as_of: datetime
    hits: tuple[Hit, ...]
    history_events: int | None = None
    unknown_events: int = 0
    later_events: int = 0
    notes: tuple[str, ...] = ()
    read_as: tuple[str, ...] = ()
    confidence: float = 1.0
    matches: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...

    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]


class RequestCounts(BaseModel):
    """Numbers of requests and rows.

    Attributes:
        requests_without_products: Requests of which nothing was written, as no product scored enough.
        users_known: Requests of users of whom something was known.
        users_unknown: Requests with an id that the graph does not hold, or of which nothing was known yet; answered plain.
        users_null: Requests without a user; answered plain.
        users_given: Requests whose user is known by a history that was given; in none of the three counts before.
        events_unknown: Events of these histories that are left out, since the graph does not hold their product.
        events_later: Events that are left out, since they are not before `as_of`.
        queries_known: Requests with a query that had an interaction before.
        queries_new: Requests with any other query; answered by its text.
        queries_without_words: Those of them of which no word is known to the log or the catalogue.
        queries_ill_matched: Requests for which nothing matches well, see `SearchResult.matches`.
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
    queries_ill_matched: int = 0

    def __add__(self, other: RequestCounts) -> RequestCounts:
        return RequestCounts(**{name: getattr(self, name) + getattr(other, name) for name in RequestCounts.model_fields})


@dataclass(frozen=True, eq=False)
class SearchResults(Sequence[SearchResult]):
    """What was found for a batch of requests: a sequence of results.

    Attributes:
        ranking: Distinct lists.
        queries: What was understood of the queries.
        products: What is shown of each product, see `describe_products`.
        as_of: Everything before it was known (UTC).
        notes: Sentences that hold for all.

    Shapes:
        - place: int64 [n], the list of each request
        - user_known: bool [n], whether anything was known of the user
    """

    batch: RequestBatch
    ranking: Ranking
    place: Int64
    queries: QueryReadings
    user_known: Bool
    products: pl.DataFrame
    as_of: datetime
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<SearchResults: {len(self):,} requests, up to {self.ranking.product.shape[1]:,} products each>"

    def __len__(self) -> int:
        return len(self.batch)

    @overload
    def __getitem__(self, place: int) -> SearchResult: ...

    @overload
    def __getitem__(self, place: slice) -> list[SearchResult]: ...

    def __getitem__(self, place: int | slice) -> SearchResult | list[SearchResult]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        batch, listed = self.batch, self.place[place]
        product = self.ranking.product[listed]
        size = int(np.count_nonzero(product != PADDING))
        rows = self.products[product[:size]].select("product_id", "title", "category").rows()
        scored = enumerate(zip(rows, self.ranking.score[listed, :size].tolist(), strict=True), start=1)
        user_id = (batch.given["user_id"] if batch.user_ids is None else batch.user_ids)[place]
        described = bool(batch.inductive_user[place] >= 0)
        unknown, later = int(batch.unknown_events[place]), int(batch.later_events[place])
        return SearchResult(
            query=batch.text[place],
            query_known=bool(self.queries.known[place]),
            user_id=user_id,
            user_known=described or bool(batch.user[place] >= 0),
            as_of=self.as_of,
            hits=tuple(Hit(rank, one, title, category, score) for rank, ((one, title, category), score) in scored),
            history_events=int(batch.history_events[place]) - unknown - later if described else None,
            unknown_events=unknown,
            later_events=later,
            notes=(*self._notes_of(place, described), *self.notes),
            read_as=self.queries.read_as[place],
            confidence=round(float(self.queries.confidence[place]), 4),
            matches=bool(self.queries.confidence[place] >= self.queries.threshold),
        )

    def rows(self) -> pl.DataFrame:
        """Return the lists as rows of `COLUMNS`, request by request, best first; a fused list also says each channel's rank.

        `CHANNEL_rank` is the rank at which the channel found the product, null where it did not.
        """
        places = self.ranking.product.shape[1]
        request = np.repeat(np.arange(len(self)), places)
        rank = np.tile(np.arange(1, places + 1, dtype=np.int32), len(self))
        product = self.ranking.product[self.place].reshape(-1)
        kept = np.flatnonzero(product != PADDING)
        return self.batch.given[request[kept]].with_columns(
            rank=pl.Series(rank[kept]),
            product_id=self.products["product_id"].gather(pl.Series(product[kept])),
            score=pl.Series(self.ranking.score[self.place].reshape(-1)[kept]),
            **{f"{name}_rank": _rank_column(found[self.place].reshape(-1)[kept]) for name, found in self.ranking.ranks.items()},
        )

    def counts(self) -> RequestCounts:
        """Count the requests by what was known, and the rows."""
        batch, described = self.batch, self.batch.inductive_user >= 0
        nobody = batch.given["user_id"].is_null().to_numpy() & ~described
        something = self.user_known & ~described
        return RequestCounts(
            requests=len(batch),
            rows=int(np.count_nonzero(self.ranking.product[self.place] != PADDING)),
            requests_without_products=int(np.count_nonzero(self.ranking.product[self.place, 0] == PADDING)),
            users_known=int(something.sum()),
            users_unknown=int((~something & ~nobody & ~described).sum()),
            users_null=int(nobody.sum()),
            users_given=int(described.sum()),
            events_unknown=int(batch.unknown_events.sum()),
            events_later=int(batch.later_events.sum()),
            queries_known=int(self.queries.known.sum()),
            queries_new=int((~self.queries.known).sum()),
            queries_without_words=int((~self.queries.understood).sum()),
            queries_ill_matched=int((self.queries.confidence < self.queries.threshold).sum()),
        )

    def _notes_of(self, place: int, described: bool) -> list[str]:
        """Return sentences on what of a request does not count."""
        batch, notes = self.batch, []
        user_id, events = batch.given["user_id"][place], batch.history_events[place]
        if not self.queries.understood[place]:
            what = "only the user counts" if self.user_known[place] else "the list means nothing"
            notes.append(f"no word of this query is known to the log or the catalogue, so {what}")
        if user_id is not None and not described and batch.user[place] < 0 and not events:
            notes.append(f"there is no user {str(user_id)!r} in the graph, so the result is plain")
        if batch.unknown_events[place]:
            notes.append(f"{batch.unknown_events[place]:,} of {events:,} events of the history are of products that are not in the graph")
        if batch.later_events[place]:
            time = f"{self.as_of:%Y-%m-%d %H:%M} UTC"
            notes.append(
                f"{batch.later_events[place]:,} of {events:,} events of the history are not before {time}, as of which is searched"
            )
        if batch.user[place] >= 0 and not self.user_known[place]:
            notes.append(f"nothing was known of user {str(user_id)!r} yet, so the result is plain")
        return notes


def describe_products(model: Model, ids: pl.Series) -> pl.DataFrame:
    """Return `product_id`, `title`, `category_node` and `category` (path) of a model's products, and the ids alone of those behind them."""
    products, paths = model.graph.nodes("product"), model.graph.nodes("category")["path"]
    node = pl.Series(np.asarray(model.graph.taxonomy.product_category), dtype=pl.Int32)
    others = len(ids) - products.height
    placed = node.set(node < 0, None).extend(pl.Series([None] * others, dtype=pl.Int32))
    return pl.DataFrame(
        {
            "product_id": ids,
            "title": pl.concat([products["title"].cast(pl.String), pl.Series([""] * others, dtype=pl.String)]),
            "category_node": placed,
            "category": paths.gather(placed).fill_null("") if len(paths) else pl.Series([""] * len(ids), dtype=pl.String),
        }
    )


def _rank_column(rank: Int32) -> pl.Series:
    column = pl.Series(rank, dtype=pl.Int32)
    return column.set(column == 0, None)
