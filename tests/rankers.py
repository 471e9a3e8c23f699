"""Rankers for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.arrays import Int32
from gnn_search.retrieval.options import Channel, RankingOptions
from gnn_search.retrieval.rankers.build import build_ranker
from gnn_search.retrieval.ranking import Ranker, Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import NodeEmbeddings


class Fixed:
    """Gives everyone the same list."""

    def __init__(self, products: Sequence[int], name: str = "fixed") -> None:
        self.name, self.products = name, np.array(products, dtype=np.int32)

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """See `CaseRanker.rank`."""
        row = np.full(k, -1, dtype=np.int32)
        row[: len(self.products)] = self.products[:k]
        return Ranking(np.tile(row, (len(user), 1)), np.zeros((len(user), k), dtype=np.float32))


class EncodingRanker:
    """An encoder and a ranker, asked by the nodes of queries or by their texts."""

    def __init__(self, encoder: RequestEncoder, ranker: Ranker) -> None:
        self.encoder, self.ranker = encoder, ranker

    def rank(self, user: Int32, query: Int32, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for known queries."""
        return self.ranker.rank(self.encoder.encode_nodes(user, query), k, allowed)

    def rank_texts(self, user: Int32, texts: Sequence[str], k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for texts."""
        return self.ranker.rank(encode_texts(self.encoder, user, texts), k, allowed)


def open_ranker(
    model: Model, embeddings: NodeEmbeddings, channel: Channel = "reranked", *, personal: bool = True, **options: Any
) -> EncodingRanker:
    """Make the encoder and ranker of a channel; `options` as in `RankingOptions`."""
    encoder = RequestEncoder(model, embeddings, personal=personal)
    return EncodingRanker(encoder, build_ranker(model, embeddings, encoder, RankingOptions(channel, **options)))


def encode_texts(encoder: RequestEncoder, user: Int32, texts: Sequence[str]) -> EncodedRequests:
    """Encode requests of the graph's users for normalised texts."""
    return encoder.encode(user, pl.Series(texts, dtype=pl.String))


def same_ranking(left: Ranking, right: Ranking) -> bool:
    """Say whether products and scores are equal to the last bit."""
    return np.array_equal(left.product, right.product) and np.array_equal(left.score, right.score)
