"""Say what a query was read as, and how likely its list is to fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnn_search.arrays import PADDING, Bool, Float32, Int64
from gnn_search.rerank.understanding import FIRST, READ_AS, ProductTexts, list_evidence
from gnn_search.retrieval.ranking import Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings


@dataclass(frozen=True)
class QueryReadings:
    """What was understood of some requests' queries.

    Attributes:
        threshold: Confidence below which nothing matches well.

    Shapes:
        - known: bool [n], had an interaction before
        - understood: bool [n], see `EncodedRequests`
        - read_as: [n], the known queries that a new one is read as, the likest first
        - confidence: float32 [n], the chance that the first ten products hold one that fits; 1 for a known query
    """

    known: Bool
    understood: Bool
    read_as: list[tuple[str, ...]]
    confidence: Float32
    threshold: float = 0.0


class QueryInterpreter:
    """Says what requests were read as, and how likely their lists are to fit.

    Args:
        model: The model, which knows how to weigh the evidence.
        embeddings: Its node embeddings as of the requests' time.
        encoder: Of the requests.
    """

    def __init__(self, model: Model, embeddings: NodeEmbeddings, encoder: RequestEncoder) -> None:
        self._weights, self._vectors = model.understanding.confidence, embeddings.vectors["product"]
        self._known_queries, self._products = encoder.nodes.known_queries, ProductTexts(model.graph)

    def read(self, requests: EncodedRequests, ranking: Ranking, rows: Int64, distinct: Int64, queries: QueryReadings) -> None:
        """Write the readings of requests, whose lists are those of a ranking, into those of a batch.

        Products that were added to an index alone say nothing.

        Shapes:
            - rows: int64 [n], requests of the batch
            - distinct: int64 [n], which of the encoded ones each is
        """
        lenders, known = requests.borrowed(), requests.known[requests.text]
        listed = ranking.product[:, :FIRST]
        listed = np.where(listed < len(self._vectors), listed, PADDING)
        cosine = np.einsum("nkd,nd->nk", self._vectors[np.maximum(listed, 0)], requests.vector.numpy())
        texts = [requests.texts[text] for text in requests.text.tolist()]
        evidence = list_evidence(self._known_queries, texts, lenders, self._products, listed, cosine)
        chance = np.where(known, 1, self._weights.chance(evidence)).astype(np.float32)
        names = self._known_queries.names(lenders, READ_AS)
        queries.known[rows], queries.understood[rows] = known[distinct], requests.understood[requests.text][distinct]
        queries.confidence[rows] = chance[distinct]
        for row, one in zip(rows.tolist(), distinct.tolist(), strict=True):
            queries.read_as[row] = () if known[one] else names[one]
