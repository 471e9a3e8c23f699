"""What all channels share that rank requests encoded by the vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import polars as pl

from gnn_search.graph.csr import Int32
from gnn_search.index.base import ProductIndex
from gnn_search.model.guests import Guests
from gnn_search.retrieval.ranking import Ranking
from gnn_search.retrieval.vector_channel import Asked, Bool, VectorChannel


class EncodedChannel(ABC):
    """A channel that has its requests encoded by a `VectorChannel`, and lists cut by its cosines, whatever it ranks by itself.

    Args:
        vectors: Encodes the requests.
        name: What reports call it.
    """

    index: ProductIndex

    def __init__(self, vectors: VectorChannel, name: str) -> None:
        self.name, self.vectors, self.index = name, vectors, vectors.index

    @property
    def product_ids(self) -> pl.Series:
        """See `VectorChannel.product_ids`."""
        return self.vectors.product_ids

    @abstractmethod
    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests, as `VectorChannel.search` does."""

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """Rank for known nodes, as `Ranker` says."""
        return self.search(self.vectors.ask(user, query), k)

    def rank_texts(self, user: Int32, texts: Sequence[str], k: int, min_score: float | None = None) -> Ranking:
        """Rank for normalised query texts, as `VectorChannel.rank_texts` does; the least score is one of cosines here too."""
        return self.rank_asked(self.ask_texts(user, texts), k, min_score)

    def rank_asked(self, asked: Asked, k: int, min_score: float | None = None, allowed: Int32 | None = None) -> Ranking:
        """See `VectorChannel.rank_asked`."""
        return self.vectors.cut(asked, self.search(asked, k, allowed), min_score)

    def ask_texts(self, user: Int32, texts: Sequence[str], guests: Guests | None = None) -> Asked:
        """See `VectorChannel.ask_texts`."""
        return self.vectors.ask_texts(user, texts, guests)

    def describe_queries(self, texts: Sequence[str]) -> tuple[Bool, Bool]:
        """See `VectorChannel.describe_queries`."""
        return self.vectors.describe_queries(texts)
