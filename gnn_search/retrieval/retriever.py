"""The engine: every search goes through it, from Python, from a file and from the command line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from gnn_search.arrays import Bool, Float32, Int32, Int64
from gnn_search.errors import RequestError
from gnn_search.graph.as_of import resolve_as_of
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.store import to_datetime
from gnn_search.index.filters import Filter, Filtered, ProductFilter
from gnn_search.model.inductive_users import InductiveUsers
from gnn_search.requests.parser import RequestParser
from gnn_search.requests.request import Request, RequestBatch, RequestHistory
from gnn_search.retrieval.options import Channel, RankingOptions, open_ranking_options
from gnn_search.retrieval.query_readings import QueryInterpreter, QueryReadings
from gnn_search.retrieval.rankers.build import build_ranker
from gnn_search.retrieval.ranking import Ranking, empty_ranking
from gnn_search.retrieval.request_cache import CachedRequest, CacheKey, ContextKey, RequestCache, SessionKey
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.retrieval.results import SearchResult, SearchResults, describe_products
from gnn_search.retrieval.threshold import SimilarityCut
from gnn_search.trained.model import Model, open_model
from gnn_search.trained.node_embeddings import NodeEmbeddings, open_node_embeddings

_UNSEEN_QUERY = "gnn-search \U000f0000"
"""A text that nobody searches for."""


class Retriever:
    """Answers searches. Several threads may use one retriever at once.

    Args:
        model: The model.
        options: What to rank by; by default vectors and the graph's candidates together, over an exact index made on the spot.
        as_of: Everything before it is known, µs; by default the start of the test period.
        cache: Where vectors of requests are kept, by default one of its own; several towers may share one.
        embeddings: The model's node embeddings, where they are open already; `as_of` is then theirs.

    Attributes:
        model: The model.
        as_of: Everything before it is known, µs.
        cache: Where vectors of requests are kept.
        encoder: Turns requests into vectors.
        ranker: Ranks for them.
        products: `product_id`, `title` and category of each product, see `describe_products`.
    """

    def __init__(
        self,
        model: Model,
        options: RankingOptions | None = None,
        as_of: int | None = None,
        cache: RequestCache | None = None,
        *,
        embeddings: NodeEmbeddings | None = None,
    ) -> None:
        options = RankingOptions() if options is None else options
        embeddings = open_node_embeddings(model, as_of) if embeddings is None else embeddings
        self.model, self.as_of, self._as_of = model, embeddings.as_of, to_datetime(embeddings.as_of)
        self.cache = RequestCache() if cache is None else cache
        self.encoder = RequestEncoder(model, embeddings)
        self.ranker = build_ranker(model, embeddings, self.encoder, options)
        self._reader = QueryInterpreter(model, embeddings, self.encoder)
        self._cut = SimilarityCut(embeddings.vectors["product"], boosted=options.boost is not None)
        self._allowed, self._filters = options.allowed, ProductFilter(model.graph)
        self._parser = RequestParser(model, self.as_of)
        self.products = describe_products(model, _product_ids(model, self.ranker.index.ids))
        # With a last one for nobody, number -1; a user of whom nothing is known has the zero vector.
        self._users: Bool = np.r_[np.any(embeddings.vectors["user"], axis=1), False]
        self._model_key = f"{model.manifest.hash} {model.graph.manifest.hash} {self.as_of}"

    @classmethod
    def load(
        cls,
        model: Path | str,
        graph: Path | str | None = None,
        channel: Channel = "reranked",
        index: Path | str | None = None,
        as_of: str | datetime | int | None = None,
        cache: RequestCache | None = None,
        fusion: Path | str | None = None,
        boost: Path | str | None = None,
        action: str | None = None,
    ) -> Retriever:
        """Open a model folder, and make all that a first search would else make.

        Args:
            model: The model folder.
            graph: The graph's folder, where it was moved.
            channel: What to rank by, see `RankingOptions`.
            index: Folder of an index of the model's products; an approximate one serves the channel `vector`.
            as_of: Everything before it is known: a date or time, as text too, or µs; by default the start of the test period.
            cache: Where vectors of requests are kept, by default one of its own.
            fusion: Folder of fitted weights, for the channel `fused`.
            boost: Folder of a boost, for the channel `vector`.
            action: Whose weights boost.

        Raises:
            ArtefactError: A folder is not what it is said to be, is damaged, or is of another model.
            RequestError: The channel can't be had of this model, or has no use for the index or the weights.
        """
        opened = open_model(Path(model), None if graph is None else Path(graph))
        weights, saved, qualities = (None if folder is None else Path(folder) for folder in (fusion, index, boost))
        time = resolve_as_of(opened.graph, as_of)
        options = open_ranking_options(opened, channel, time, fusion=weights, index=saved, boost=qualities, action=action)
        retriever = cls(opened, options, time, cache)
        retriever.warm_up()
        return retriever

    def warm_up(self) -> None:
        """Make everything that is made when first needed, which several threads would else make at once."""
        cache, self.cache = self.cache, RequestCache(0)
        self.search_many([Request(_UNSEEN_QUERY), Request(_UNSEEN_QUERY, history=[self.products["product_id"][0]])], k=1)
        self.cache = cache

    def search(
        self,
        query: str,
        user_id: str | int | None = None,
        history: RequestHistory | None = None,
        k: int = 10,
        filter: Filter | None = None,  # noqa: A002
        *,
        attributes: Mapping[str, str | None] | None = None,
        session: str | None = None,
        min_score: float | None = None,
    ) -> SearchResult:
        """Find products for a text.

        Args:
            query: In any case and spacing.
            user_id: The shop's id of a user; one that the graph does not hold gets the plain result.
            history: What the user did, see `Request`.
            k: Most products wanted.
            filter: Find only these products, or those of a category (its path or id) and all below it.
            attributes: The user's attributes, see `Request`.
            session: See `Request`.
            min_score: Least cosine of a product with the request.

        Raises:
            RequestError: The text is blank, `k` is below 1 or larger than the catalogue, or something given can't be read.
        """
        return self.search_many([Request(query, user_id, history, attributes, session)], k, filter, min_score=min_score)[0]

    def search_many(
        self,
        requests: Sequence[Request | Mapping[str, Any]],
        k: int = 10,
        filter: Filter | None = None,  # noqa: A002
        *,
        min_score: float | None = None,
    ) -> SearchResults:
        """Find products for many requests, in less time a request.

        Args:
            requests: The requests, also as mappings with the names of `Request`.
            k: Most products wanted for each.
            filter: See `search`; one for all.
            min_score: See `search`.

        Returns:
            What was found for each, equal to what `search` finds but for last digits of the scores.

        Raises:
            RequestError: See `search`.
        """
        stated: Any = min_score
        if stated is not None and not (isinstance(stated, int | float) and isfinite(stated)):
            raise RequestError(f"the least score is {min_score!r}; give a cosine, a number between -1 and 1")
        allowed = self._allowed if filter is None else self._filters.read(filter)
        return self.search_batch(self._parser.parse(requests), k, allowed, min_score)

    def search_table(self, table: pl.DataFrame, k: int, min_score: float | None = None, *, ids_fit: bool = True) -> SearchResults:
        """Find products for a block of a file of requests, each distinct request once; see `RequestParser.parse_table`."""
        return self.search_batch(self._parser.parse_table(table, ids_fit=ids_fit), k, self._allowed, min_score)

    def encode_table(self, table: pl.DataFrame, *, ids_fit: bool = True) -> tuple[pl.DataFrame, Float32]:
        """Return `user_id` and `query` of a block of a file of requests, and the requests' vectors.

        Shapes:
            - returns: float32 [n, d]
        """
        batch = self._parser.parse_table(table, ids_fit=ids_fit)
        vectors = np.empty((len(batch), self.model.manifest.dimension), dtype=np.float32)
        for some, distinct, encoded in self._encoded_parts(batch):
            vectors[some] = encoded.vector.numpy()[distinct]
        return batch.given, vectors

    def search_batch(self, batch: RequestBatch, k: int, allowed: Filtered | None = None, min_score: float | None = None) -> SearchResults:
        """Find products for parsed requests.

        Raises:
            RequestError: `k` is below 1 or larger than the catalogue.
        """
        count = len(batch.user)
        place = np.empty(count, dtype=np.int64)
        lists: list[Ranking] = []
        threshold = self.model.understanding.confidence.threshold
        known = np.ones((2, count), dtype=np.bool_)
        queries = QueryReadings(known[0], known[1], [()] * count, np.ones(count, dtype=np.float32), threshold)
        for some, distinct, encoded in self._encoded_parts(batch):
            ranking = self.ranker.rank(encoded, k, None if allowed is None else allowed.product)
            place[some] = distinct + sum(len(one.product) for one in lists)
            if not encoded.known.all():
                self._reader.read(encoded, ranking, some, distinct, queries)
            lists.append(ranking if min_score is None else self._cut(encoded, ranking, min_score))
        unknown = 0 if allowed is None else allowed.unknown
        notes = (f"{unknown:,} {'product of the filter is' if unknown == 1 else 'products of the filter are'} not in the graph",)
        something = self._users[batch.user]
        if batch.inductive_users is not None:
            something = np.where(batch.inductive_user >= 0, _is_described(batch, batch.inductive_users), something)
        return SearchResults(
            batch,
            lists[0] if len(lists) == 1 else _joined(lists, k),
            place,
            queries,
            something,
            self.products,
            self._as_of,
            notes if unknown else (),
        )

    def _encoded_parts(self, batch: RequestBatch) -> Iterator[tuple[Int64, Int64, EncodedRequests]]:
        """Yield rows of requests of the graph's users, then of described ones, each with its distinct requests, encoded."""
        described = batch.inductive_user >= 0
        for rows, user, users in ((~described, batch.user, None), (described, batch.inductive_user, batch.inductive_users)):
            some = np.flatnonzero(rows)
            if len(some):
                # Described users and cached requests differ in more than user and text.
                alone = batch.cache_keys is not None or users is not None
                first, distinct = (some, np.arange(len(some))) if alone else _distinct_requests(batch, some, user)
                yield some, distinct, self._encode(batch, first, user[first], users)

    def _encode(self, batch: RequestBatch, rows: Int64, user: Int32, users: InductiveUsers | None) -> EncodedRequests:
        """Encode requests that are all of one kind of users, but those that are in the cache."""
        texts = batch.text.gather(rows)
        if batch.cache_keys is None:
            return self.encoder.encode(user, texts, users)
        keys = [self._key(text, *batch.cache_keys[row]) for row, text in zip(rows.tolist(), texts.to_list(), strict=True)]
        cached = [self.cache.get(key) for key in keys]
        missing = np.array([place for place, one in enumerate(cached) if one is None], dtype=np.int64)
        if len(missing):
            fresh = self.encoder.encode(user[missing], texts.gather(missing), users)
            for row, place in enumerate(missing.tolist()):
                text = int(fresh.text[row])
                lenders = None if fresh.lenders is None else fresh.lenders.take(fresh.text[row : row + 1])
                said = bool(fresh.known[text]), bool(fresh.understood[text]), lenders
                cached[place] = one = CachedRequest(
                    int(fresh.query[row]), int(fresh.history_query[row]), fresh.vector[row].numpy().copy(), *said
                )
                self.cache.put(keys[place], one)
            if len(missing) == len(keys):
                return fresh
        return _from_cache(user, texts, [one for one in cached if one is not None], users)

    def _key(self, text: str, content: bytes, session: str | None) -> CacheKey:
        if session is not None:
            return SessionKey(session, self._model_key, text)
        parts = [self._model_key.encode(), text.encode(), content]
        # Each with its length, so that no two contexts are written the same.
        return ContextKey(hashlib.blake2b(b"".join(b"%d:" % len(part) + part for part in parts), digest_size=16).digest())


def _distinct_requests(batch: RequestBatch, rows: Int64, user: Int32) -> tuple[Int64, Int64]:
    """Return the first of some rows for each distinct (user, text), and which of these each row is."""
    requests = pl.DataFrame({"user": user[rows], "text": batch.text.gather(rows), "row": rows})
    distinct = requests.unique(["user", "text"], keep="first").sort("user", "text").with_row_index("place")
    place = requests.join(distinct.select("user", "text", "place"), on=["user", "text"], how="left", maintain_order="left")["place"]
    return distinct["row"].to_numpy(), place.to_numpy().astype(np.int64)


def _is_described(batch: RequestBatch, users: InductiveUsers) -> Bool:
    """Say of which inductive users anything is known: an event of the catalogue's products, or an attribute; bool [n]."""
    known: Bool = batch.history_events - batch.unknown_events - batch.later_events > 0
    attributes = users.graph.nodes("user")[:, 1:]
    has_attribute = np.zeros(users.graph.nodes("user").height, np.bool_)
    for column in attributes:
        has_attribute |= column.is_not_null().to_numpy()
    return np.asarray(known | has_attribute[np.maximum(batch.inductive_user, 0)])


def _from_cache(user: Int32, texts: pl.Series, cached: Sequence[CachedRequest], users: InductiveUsers | None) -> EncodedRequests:
    """Put cached requests together; each has a text of its own."""
    nobody = Lenders.nobody(1)
    query = np.array([one.query for one in cached], dtype=np.int32)
    return EncodedRequests(
        user=user,
        query=query,
        history_query=np.array([one.history_query for one in cached], dtype=np.int32),
        vector=torch.from_numpy(np.stack([one.vector for one in cached])),
        text=np.arange(len(cached)),
        texts=texts.to_list(),
        nodes=query,
        known=np.array([one.known for one in cached], dtype=np.bool_),
        understood=np.array([one.understood for one in cached], dtype=np.bool_),
        lenders=Lenders.joined([nobody if one.lenders is None else one.lenders for one in cached]),
        inductive_users=users,
    )


def _joined(lists: Sequence[Ranking], k: int) -> Ranking:
    if not lists:
        return empty_ranking(0, k)
    product, score = (np.concatenate([getattr(one, name) for one in lists]) for name in ("product", "score"))
    return Ranking(product, score, {name: np.concatenate([one.ranks[name] for one in lists]) for name in lists[0].ranks})


def _product_ids(model: Model, ids: pl.Series | None) -> pl.Series:
    """Return the shop's id of each row of an index; beyond the graph's products those that were added to the index alone."""
    own = model.graph.nodes("product").to_series(0)
    return own if ids is None or len(ids) == len(own) else pl.concat([own, ids.slice(len(own))])
