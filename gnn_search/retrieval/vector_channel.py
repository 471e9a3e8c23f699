"""Rank the catalogue by the nearest product vectors to a shopper's query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from gnn_search.errors import RequestError
from gnn_search.graph.csr import Int32, Int64
from gnn_search.graph.id_lookup import IdLookup
from gnn_search.index.boosting.boost import Boost
from gnn_search.index.boosting.vectors import boosted_products, boosted_queries
from gnn_search.index.flat import FlatIndex
from gnn_search.index.product_index import ProductIndex
from gnn_search.index.scoring import pair_scores
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.guests import Guests
from gnn_search.model.store import Model
from gnn_search.retrieval.allowed import search_allowed
from gnn_search.retrieval.ranking import Ranking, padded
from gnn_search.retrieval.threshold import cut
from gnn_search.vectors.shop_vectors import ShopVectors

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """Encoded requests.

    Shapes:
        user: int32 [n], -1 for nobody; query: int32 [n], -1 for one that is no node; recalling: int32 [n], the query whose categories call
        up history, -1 for none; vector: float32 [n, d], unit length; text: int64 [n], which of the
        texts each asks; nodes: int32 [texts], -1 for one that is no node. guests: whom user numbers, where these are not the graph's
        shoppers.
    """

    user: Int32
    query: Int32
    recalling: Int32
    vector: Tensor
    text: Int64
    texts: Sequence[str]
    nodes: Int32
    guests: Guests | None = None

    def of(self, request: Int64) -> Asked:
        """Return some of the requests, int64 [m]; the texts stay."""
        return replace(
            self,
            user=self.user[request],
            query=self.query[request],
            recalling=self.recalling[request],
            vector=self.vector[torch.from_numpy(request)],
            text=self.text[request],
        )


class VectorChannel:
    """Encodes requests and looks up their nearest products.

    A query that nobody asked before the moment is encoded by its text alone, and calls up the history in the categories of the known
    query with the nearest text.

    Args:
        model: The model.
        shop: Its vectors as of the moment.
        personal: Whether shoppers count; without, every request is plain.
        name: What reports call it.
        index: The index of the products' vectors, where it was made before; with a boost, of their boosted vectors.
        boost: What products are boosted by; a score is then the cosine and the boost.
        action: The kind of choice whose weights boost; may be left out where the shop logs one kind.

    Raises:
        RequestError: The boost has no weights for the action, or the index holds vectors of another dimension.
    """

    def __init__(
        self,
        model: Model,
        shop: ShopVectors,
        *,
        personal: bool = True,
        name: str = "vector",
        index: ProductIndex | None = None,
        boost: Boost | None = None,
        action: str | None = None,
    ) -> None:
        self.name = name
        self._model, self._personal = model, personal
        self._products = shop.vectors["product"]
        self.encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of), torch.from_numpy(self._products))
        self._action = action
        weighed = boost is not None and boost.weights_of(action).any()
        # Without a weight nothing is boosted, and not a bit may change; an index of boosted vectors is searched with weights of 0.
        self._boost = boost.at(self.encoder.view) if boost is not None and (weighed or index is not None) else None
        self.index: ProductIndex = self._exact_index() if index is None else index
        expected = self._products.shape[1] + (0 if self._boost is None else len(self._boost.dimensions))
        if self.index.dimension != expected:
            raise RequestError(f"the index holds vectors of {self.index.dimension} numbers, expected {expected}; give an index of this way")

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """Rank for known nodes, as `Ranker` says."""
        return self.search(self.ask(user, query), k)

    def rank_texts(self, user: Int32, texts: Sequence[str], k: int, min_score: float | None = None) -> Ranking:
        """Rank for normalised query texts.

        Args:
            user: Shoppers, -1 for nobody known.
            texts: The queries.
            k: Length of the lists.
            min_score: Leave out products whose cosine with the request is less.

        Shapes:
            user: int32 [n]; texts: n. Returns lists of k.
        """
        return self.rank_asked(self.ask_texts(user, texts), k, min_score)

    def rank_asked(self, asked: Asked, k: int, min_score: float | None = None, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests, and leave out products whose cosine with the request is less than a threshold; see `search`."""
        return self.cut(asked, self.search(asked, k, allowed), min_score)

    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests.

        Args:
            asked: The requests.
            k: Length of the lists, which hold less where fewer products are allowed.
            allowed: The only products wanted, ascending and distinct; None for all.

        Shapes:
            allowed: int32 [m]. Returns lists of k.
        """
        requests = asked.vector.numpy()
        if self._boost is not None:
            requests = boosted_queries(requests, self._boost, self._action)
        score, product = search_allowed(self.index, requests, k, allowed)
        return padded(Ranking(product, score), k)

    def cut(self, asked: Asked, ranking: Ranking, min_score: float | None) -> Ranking:
        """Return any lists of encoded requests without what is less similar (cosine) than a threshold; None keeps all."""
        if min_score is None:
            return ranking
        row = np.repeat(np.arange(len(ranking.product), dtype=np.int64), ranking.product.shape[1])
        new = ranking.product >= len(self._products)
        known = np.where(new, 0, np.maximum(ranking.product, 0))
        similarity = pair_scores(self._products, asked.vector.numpy(), row, known.ravel()).reshape(known.shape).astype(np.float32)
        if new.any() and self._boost is not None:
            raise RequestError("the cosine of boosted products that the graph does not hold is not known; leave the least score out")
        # Without a boost the score of what only the index holds is its cosine, as well as the index knows it.
        return cut(ranking, min_score, np.where(new, ranking.score, similarity))

    def ask(self, user: Int32, query: Int32) -> Asked:
        """Encode requests for known nodes.

        Shapes:
            user: int32 [n], -1 for nobody known; query: int32 [n].
        """
        distinct, row = np.unique(query, return_inverse=True)
        vectors = self.encoder.encode_queries(distinct.astype(np.int32))
        texts = self._model.graph.nodes("query")["query"].gather(distinct).to_list()
        recalling = self.encoder.recalling(distinct.astype(np.int32))
        return self._personalised(user, query, recalling[row], vectors[torch.from_numpy(row)], row, texts, distinct.astype(np.int32))

    def ask_texts(self, user: Int32, texts: Sequence[str], guests: Guests | None = None) -> Asked:
        """Encode requests for normalised query texts.

        Args:
            user: Shoppers, -1 for nobody known.
            texts: The queries.
            guests: Whom `user` numbers, where these are not the graph's shoppers.

        Shapes:
            user: int32 [n]; texts: n.
        """
        asked = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
        distinct = asked.unique().sort("text").with_row_index("row")
        names = distinct["text"].to_list()
        row = asked.join(distinct, on="text", how="left", maintain_order="left")["row"].to_numpy().astype(np.int64)
        node = self.find_queries(names)
        vectors = self.encoder.encode_texts(names)
        known = np.flatnonzero(node >= 0)
        if len(known):
            vectors[torch.from_numpy(known)] = self.encoder.encode_queries(node[known])
        recalling = self._recalling(node, names)[row]
        return self._personalised(user, node[row], recalling, vectors[torch.from_numpy(row)], row, names, node, guests)

    def find_queries(self, texts: Sequence[str]) -> Int32:
        """Return the node of each normalised text, -1 for a query that the graph does not hold: int32 [n]."""
        return self._queries.find(pl.Series(texts, dtype=pl.String))

    @cached_property
    def product_ids(self) -> pl.Series:
        """The shop's id of each row of the index; beyond the graph's products those that were added to the index alone."""
        own = self._model.graph.nodes("product").to_series(0)
        ids = self.index.ids
        return own if ids is None or len(ids) == len(own) else pl.concat([own, ids.slice(len(own))])

    def _exact_index(self) -> FlatIndex:
        return FlatIndex.build(self._products if self._boost is None else boosted_products(self._products, self._boost))

    @cached_property
    def _queries(self) -> IdLookup:
        return IdLookup(self._model.graph.nodes("query")["query"])

    def describe_queries(self, texts: Sequence[str]) -> tuple[Bool, Bool]:
        """Say of normalised texts which are known queries, that is led to a product, and which hold a known token: bool [n] each."""
        node = self.find_queries(texts)
        asked = self.encoder.view.edges(("product", "rev_leads_to", "query")).degree() > 0
        known = (node >= 0) & (asked[np.maximum(node, 0)] if len(asked) else False)
        return known, self._model.towers.text.knows(texts)

    def _personalised(
        self,
        user: Int32,
        query: Int32,
        recalling: Int32,
        vector: Tensor,
        text: Int64,
        texts: Sequence[str],
        nodes: Int32,
        guests: Guests | None = None,
    ) -> Asked:
        if not self._personal:
            return Asked(np.full_like(user, -1), query, recalling, vector, text, texts, nodes)
        personal = self.encoder.personalise(vector, user, recalling, guests=guests)
        return Asked(user, query, recalling, personal, text, texts, nodes, guests)

    def _recalling(self, query: Int32, texts: Sequence[str]) -> Int32:
        """Return the query whose categories call up history: itself, or the nearest by text that has any, or -1."""
        lost = np.flatnonzero(~self.encoder.call_up_history(query))
        recalling = query.copy()
        if len(lost):
            recalling[lost] = self.encoder.nearest_query(self.encoder.encode_texts([texts[int(place)] for place in lost]))
        return recalling
