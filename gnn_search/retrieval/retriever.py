"""Search from Python: load a model once, ask it often and from several threads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Float32, Int32, Int64
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.index.base import ProductIndex, check_k
from gnn_search.index.boosting.boost import Boost
from gnn_search.model.store import Model, open_model
from gnn_search.retrieval.channels import ChannelKind, open_channel
from gnn_search.retrieval.fusion.weighted_sum import Weights
from gnn_search.retrieval.hits import Hits, ProductHit
from gnn_search.retrieval.moments import resolve_moment
from gnn_search.retrieval.product_filter import Filter, ProductFilter
from gnn_search.retrieval.query_cache import CacheKey, ContextKey, EncodedRequest, QueryCache, SessionKey
from gnn_search.retrieval.ranking import PADDING
from gnn_search.retrieval.search import describe_products
from gnn_search.retrieval.vector_channel import Asked
from gnn_search.retrieval.visits import Request, VisitReader, Visits
from gnn_search.retrieval.way import open_way
from gnn_search.vectors.inductive.histories import History
from gnn_search.vectors.shop_vectors import open_shop_vectors

_UNASKED = "gnn-search \U000f0000"
"""A text that nobody asks."""


class Retriever:
    """Answers searches. Several threads may ask one retriever at once.

    Args:
        model: The model.
        channel: The way of ranking.
        index: The index of the products' vectors, by default an exact one made now; an approximate one serves the channel `vector`.
        as_of: The moment before which everything is known, µs; by default the start of the test period.
        cache: Where vectors of requests are kept, by default one of its own; several retrievers may share one.
        weights: Of a fusion, for the channel `fused`.
        boost: What products are boosted by, for the channel `vector`.
        action: The kind of choice whose weights boost.
    """

    def __init__(
        self,
        model: Model,
        channel: ChannelKind = "full",
        index: ProductIndex | None = None,
        as_of: int | None = None,
        cache: QueryCache | None = None,
        weights: Weights | None = None,
        boost: Boost | None = None,
        action: str | None = None,
    ) -> None:
        shop = open_shop_vectors(model, as_of)
        self.as_of = shop.as_of
        self.cache = QueryCache() if cache is None else cache
        self._channel = open_channel(model, shop, channel, weights, index=index, boost=boost, action=action)
        self._visits = VisitReader(model, shop.as_of)
        self._filter = ProductFilter(model.graph, IdLookup(model.graph.nodes("product").to_series(0)))
        self._products = describe_products(model, self._channel.product_ids)
        self._users = shop.vectors["user"]
        self._model_key = f"{model.manifest.hash} {model.graph.manifest.hash} {shop.as_of}"
        self._warm_up(str(self._products["product_id"][0]))

    @classmethod
    def load(
        cls,
        model: Path | str,
        graph: Path | str | None = None,
        channel: ChannelKind = "full",
        index: Path | str | None = None,
        as_of: str | datetime | int | None = None,
        cache: QueryCache | None = None,
        fusion: Path | str | None = None,
        boost: Path | str | None = None,
        action: str | None = None,
    ) -> Retriever:
        """Open a model folder.

        Args:
            model: The model folder.
            graph: The graph's folder, where it was moved.
            channel: The way of ranking.
            index: Folder of an index of the model's products, see `Retriever`.
            as_of: The moment before which everything is known: a date or time, as text too, or µs; by default the start of the test period.
            cache: Where vectors of requests are kept, by default one of its own.
            fusion: Folder of fitted weights, for the channel `fused`.
            boost: Folder of a boost, for the channel `vector`.
            action: The kind of choice whose weights boost.

        Raises:
            ArtefactError: A folder is not what it is said to be, is damaged, or is of another model.
            RequestError: The channel can't be had of this model, or has no use for the index or the weights.
        """
        opened = open_model(Path(model), None if graph is None else Path(graph))
        weights, saved, qualities = (None if folder is None else Path(folder) for folder in (fusion, index, boost))
        moment = resolve_moment(opened.graph, as_of)
        way = open_way(opened, channel, moment, fusion=weights, index=saved, boost=qualities, action=action)
        return cls(opened, channel, way.index, moment, cache, way.weights, way.boost, way.action)

    def search(
        self,
        query: str,
        user: str | int | None = None,
        history: History | None = None,
        k: int = 10,
        filter: Filter | None = None,  # noqa: A002
        *,
        attributes: Mapping[str, str | None] | None = None,
        session: str | None = None,
        min_score: float | None = None,
    ) -> Hits:
        """Find products for a text.

        Args:
            query: In any case and spacing.
            user: The shop's id of a shopper; one that the graph does not hold gets the plain result.
            history: What the shopper did, see `Request`.
            k: Products wanted, at most.
            filter: Find these products alone, or those of a category (its path or id) and all below it.
            attributes: The shopper's attributes, see `Request`.
            session: See `Request`.
            min_score: The products' least cosine with the request.

        Raises:
            RequestError: The text is blank, `k` is below 1 or larger than the catalogue, or something given can't be read.
        """
        return self.search_many([Request(query, user, history, attributes, session)], k, filter, min_score=min_score)[0]

    def search_many(
        self,
        requests: Sequence[Request],
        k: int = 10,
        filter: Filter | None = None,  # noqa: A002
        *,
        min_score: float | None = None,
    ) -> list[Hits]:
        """Find products for many requests, in less time a request.

        Args:
            requests: The requests.
            k: Products wanted for each, at most.
            filter: See `search`; one for all.
            min_score: See `search`.

        Returns:
            What was found for each, equal to what `search` finds but for last digits of the scores.

        Raises:
            RequestError: See `search`.
        """
        check_k(k, self._channel.index.count)
        _check_least(min_score)
        allowed = None if filter is None else self._filter.read(filter)
        visits = self._visits.read(requests)
        product = np.full((len(requests), k), PADDING, dtype=np.int32)
        score = np.full((len(requests), k), -np.inf, dtype=np.float32)
        for rows, user in ((visits.guest < 0, visits.user), (visits.guest >= 0, visits.guest)):
            some = np.flatnonzero(rows)
            if len(some):
                asked = self._ask(requests, visits, some, user[some])
                ranking = self._channel.rank_asked(asked, k, min_score, None if allowed is None else allowed.product)
                product[some], score[some] = ranking.product, ranking.score
        common = [f"{allowed.unknown:,} products of the filter are not in the graph"] if allowed is not None and allowed.unknown else []
        known, worded = self._channel.describe_queries(visits.text.to_list())
        return self._hits(requests, visits, product, score, common, known | worded)

    def _ask(self, requests: Sequence[Request], visits: Visits, rows: Int64, user: Int32) -> Asked:
        """Encode requests that are either all guests' or none's, those alone that are not in the cache."""
        texts = visits.text.gather(rows).to_list()
        guests = visits.guests if visits.guest[rows[0]] >= 0 else None
        keys = [self._key(requests[row], text, visits.identity[row]) for row, text in zip(rows.tolist(), texts, strict=True)]
        found = [self.cache.get(key) for key in keys]
        missing = [place for place, encoded in enumerate(found) if encoded is None]
        if missing:
            fresh = self._channel.ask_texts(user[missing], [texts[place] for place in missing], guests)
            vectors = fresh.vector.numpy()
            for row, place in enumerate(missing):
                encoded = EncodedRequest(int(fresh.query[row]), int(fresh.recalling[row]), vectors[row].copy())
                found[place] = encoded
                self.cache.put(keys[place], encoded)
            if len(missing) == len(keys):
                return fresh
        whole = [encoded for encoded in found if encoded is not None]
        distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        query = np.array([encoded.query for encoded in whole], dtype=np.int32)
        text = np.array([distinct[one] for one in texts], dtype=np.int64)
        nodes = np.empty(len(distinct), dtype=np.int32)
        nodes[text] = query
        recalling = np.array([encoded.recalling for encoded in whole], dtype=np.int32)
        vector = torch.from_numpy(np.stack([encoded.vector for encoded in whole]))
        return Asked(user, query, recalling, vector, text, list(distinct), nodes, guests)

    def _key(self, request: Request, text: str, identity: bytes) -> CacheKey:
        if request.session is not None:
            return SessionKey(request.session, self._model_key, text)
        parts = [self._model_key.encode(), text.encode(), identity]
        # Each with its length, so that no two contexts are written alike.
        return ContextKey(hashlib.blake2b(b"".join(b"%d:" % len(part) + part for part in parts), digest_size=16).digest())

    def _hits(
        self, requests: Sequence[Request], visits: Visits, product: Int32, score: Float32, common: list[str], understood: np.ndarray
    ) -> list[Hits]:
        found = product != PADDING
        told = self._products[product[found]].select("product_id", "title", "category").rows()
        scores, ends = score[found].tolist(), np.cumsum(found.sum(axis=1)).tolist()
        answers, start = [], 0
        for place, (request, end) in enumerate(zip(requests, ends, strict=True)):
            rows = enumerate(zip(told[start:end], scores[start:end], strict=True), start=1)
            hits = tuple(ProductHit(rank, number, title, category, value) for rank, ((number, title, category), value) in rows)
            notes = [*self._visits.notes(request, visits, place), *common]
            if visits.user[place] >= 0 and not self._users[visits.user[place]].any():
                notes.append(f"nothing was known of user {str(request.user)!r} yet, so the result is plain")
            if not understood[place]:
                notes.append("no part of any word of this query is known")
            answers.append(Hits(hits, int(visits.unknown[place]), int(visits.later[place]), tuple(notes)))
            start = end
        return answers

    def _warm_up(self, product: str) -> None:
        """Make everything that is made when first needed, which several threads would else make at once."""
        cache, self.cache = self.cache, QueryCache()
        self.search_many([Request(_UNASKED), Request(_UNASKED, history=[product])], k=1)
        self.cache = cache


def _check_least(score: Any) -> None:
    if score is not None and not (isinstance(score, int | float) and isfinite(score)):
        raise RequestError(f"the least score is {score!r}; give a cosine, a number between -1 and 1")
