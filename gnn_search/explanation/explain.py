"""Explain the score of one product for one search."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from gnn_search.arrays import PADDING
from gnn_search.errors import RequestError
from gnn_search.explanation.cosine import split_cosine
from gnn_search.explanation.paths import PathFinder
from gnn_search.explanation.reranker_split import split_score
from gnn_search.explanation.result import ExplainedProduct, Explanation, Rank, Ranks, ScoreSplit
from gnn_search.explanation.vector_parts import describe_attention, product_parts, request_parts
from gnn_search.graph.describe import interaction_verb
from gnn_search.graph.id_lookup import find_node
from gnn_search.graph.store import to_datetime
from gnn_search.index.flat import FlatIndex
from gnn_search.rerank.understanding import READ_AS
from gnn_search.retrieval.rankers.build import GRAPH, RERANKED, VECTOR, candidate_index, channel_rankers
from gnn_search.retrieval.rankers.candidate_rankers import CandidateRanker
from gnn_search.retrieval.ranking import Ranker
from gnn_search.retrieval.request_encoder import NOBODY, EncodedRequests, RequestEncoder
from gnn_search.tables.text import normalise_text
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import open_node_embeddings


class Explainer:
    """Explains scores one by one.

    Args:
        as_of: Everything before it is known, µs; by default the start of the test period.
        background: Candidates of a request that a product is compared with, at most.
    """

    def __init__(self, model: Model, as_of: int | None = None, background: int = 100) -> None:
        self._background = background
        self._model, embeddings = model, open_node_embeddings(model, as_of)
        self._encoder = RequestEncoder(model, embeddings)
        self._view = self._encoder.nodes.view
        candidates = candidate_index(model, embeddings, self._encoder)
        self._index = FlatIndex.build(embeddings.vectors["product"])
        self._rankers = channel_rankers(model, self._index, candidates)
        half_lives = model.config.reranker.half_life_days
        # The second longest, as where candidates are taken by recent popularity.
        self._paths = PathFinder(self._view, half_lives[-2] if len(half_lives) > 1 else half_lives[-1])
        self._verb = interaction_verb(model.graph)

    def explain(self, query: str, product: str | int, user_id: str | int | None = None) -> Explanation:
        """Say how the score of a product for a search comes about; product and user are given by the shop's ids.

        Raises:
            RequestError: The text is blank, or the graph does not hold the product or the user.
        """
        text, graph = normalise_text(query), self._model.graph
        if not text:
            raise RequestError(f"the query {query!r} is blank; give at least one word")
        node = find_node(graph, "product", product)
        user = NOBODY if user_id is None else find_node(graph, "user", user_id)
        requests, plain = self._encode(user, text), self._encode(NOBODY, text)
        parts_of_request = request_parts(self._model, self._encoder.nodes, requests)
        parts = product_parts(self._model, self._encoder.nodes, node)
        cosine = split_cosine(parts_of_request.parts, parts)
        ranker = self._rankers.get(RERANKED)
        if isinstance(ranker, CandidateRanker):
            score, split = split_score(self._model, ranker, requests, node, self._verb, self._background)
        else:
            listed = self._index.similarity(requests.vector.numpy(), np.zeros(1, np.int64), np.array([node], np.int32))
            whole = listed.astype(np.float32).item()
            score, split = ScoreSplit(score=whole, cosine=whole, vector=whole, reranker=0.0), None
        query_node, history_query = int(requests.query[0]), int(requests.history_query[0])
        attends = user != NOBODY and self._model.towers.user.attention is not None
        return Explanation(
            query=text,
            query_known=bool(requests.known[0]),
            user_id=None if user_id is None else graph.nodes("user").to_series(0)[user],
            verb=self._verb,
            product=self._named(node),
            as_of=to_datetime(self._view.time),
            notes=self._notes(requests, plain, user_id),
            ranks=self._ranks(requests, plain, node),
            score=score,
            cosine=cosine,
            attention=describe_attention(graph, parts_of_request, parts, history_query) if attends else None,
            reranker=split,
            from_user=self._paths.find(("user", user), node) if user != NOBODY else (),
            from_query=self._paths.find(("query", query_node), node) if query_node >= 0 else (),
        )

    def _encode(self, user: int, text: str) -> EncodedRequests:
        return self._encoder.encode(np.array([user], dtype=np.int32), pl.Series([text]))

    def _ranks(self, requests: EncodedRequests, plain: EncodedRequests, product: int) -> Ranks:
        best = self._rankers.get(RERANKED, self._rankers[VECTOR])
        return Ranks(
            reranked=_rank(best, requests, product),
            vector=_rank(self._rankers[VECTOR], requests, product),
            graph=_rank(self._rankers[GRAPH], requests, product) if GRAPH in self._rankers else None,
            plain=None if requests.user[0] == NOBODY else _rank(best, plain, product),
        )

    def _named(self, product: int) -> ExplainedProduct:
        row = self._model.graph.nodes("product").row(product, named=True)
        category = row["category"]
        path = "" if category is None else self._model.graph.nodes("category")["path"][category]
        return ExplainedProduct(product_id=row["product_id"], title=row["title"], category=path)

    def _notes(self, requests: EncodedRequests, plain: EncodedRequests, user_id: str | int | None) -> tuple[str, ...]:
        notes = []
        if not requests.understood[0]:
            notes.append("no word of this query is known to the log or the catalogue")
        elif not requests.known[0]:
            names = self._encoder.nodes.known_queries.names(requests.borrowed(), READ_AS)[0]
            notes.append("this query had no interactions before, so its text and known queries like it say what is wanted")
            if names:
                notes[-1] += f"; it is read as: {', '.join(names)}"
        if user_id is not None and torch.equal(requests.vector, plain.vector):
            notes.append(f"nothing that counts here was known of user {str(user_id)!r} yet, so the vectors are plain")
        return tuple(notes)


def _rank(ranker: Ranker, requests: EncodedRequests, product: int) -> Rank:
    """Return a product's place in the list that a search as long as the catalogue finds."""
    ranking = ranker.rank(requests, ranker.index.count)
    listed = ranking.product[0]
    place, of = np.flatnonzero(listed == product), int((listed != PADDING).sum())
    if not len(place):
        return Rank(rank=None, of=of, score=None)
    return Rank(rank=int(place[0]) + 1, of=of, score=float(ranking.score[0, place[0]]))
