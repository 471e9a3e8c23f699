"""Rank the catalogue by the words that a query shares with titles, brands and category paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gnn_search.graph.csr import Int32
from gnn_search.model.store import Model
from gnn_search.retrieval.encoded_channel import EncodedChannel
from gnn_search.retrieval.ranking import PADDING, Ranking
from gnn_search.retrieval.vector_channel import Asked, VectorChannel

if TYPE_CHECKING:
    from gnn_search.graph.lexical import LexicalIndex


class LexicalChannel(EncodedChannel):
    """Ranks by the BM25 of `LexicalIndex`; products without a word of the query are left out, and shoppers do not count.

    Args:
        model: The model, whose words are those of the walk term too.
        vectors: Its vectors as of the moment, by which lists are cut where a least cosine is wanted.
        name: What reports call it.
    """

    def __init__(self, model: Model, vectors: VectorChannel, *, name: str = "lexical") -> None:
        super().__init__(vectors, name)
        self._words = model.words
        self._queries = model.graph.nodes("query")["query"]

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """Rank for known nodes, as `Ranker` says. The score is BM25's."""
        distinct, row = np.unique(query, return_inverse=True)
        return _spread(rank_words(self._words.index, self._queries.gather(distinct), k), row)

    def rank_texts(self, user: Int32, texts: Sequence[str], k: int, min_score: float | None = None) -> Ranking:
        """Rank for normalised query texts, as `VectorChannel.rank_texts` does; the least score is one of cosines here too."""
        if min_score is not None:
            return self.rank_asked(self.ask_texts(user, texts), k, min_score)
        asked_texts = pl.Series(texts, dtype=pl.String)
        distinct = asked_texts.unique(maintain_order=True)
        row = asked_texts.replace_strict(distinct, pl.int_range(len(distinct), dtype=pl.Int64, eager=True), return_dtype=pl.Int64)
        return _spread(rank_words(self._words.index, distinct, k), row.to_numpy())

    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests, as `VectorChannel.search` does."""
        return _spread(rank_words(self._words.index, pl.Series(asked.texts, dtype=pl.String), k, allowed), asked.text)


def rank_words(index: LexicalIndex, texts: pl.Series, k: int, allowed: Int32 | None = None) -> Ranking:
    """Return the best products of each text by BM25; where `allowed` is given, of these products alone.

    Shapes:
        texts: String [n]; allowed: int32 [m], ascending. Returns lists of k.
    """
    product = np.full((len(texts), k), PADDING, dtype=np.int32)
    score = np.full((len(texts), k), -np.inf, dtype=np.float32)
    for row, (best, value) in enumerate(index.best_of_texts(texts, k, allowed)):
        product[row, : len(best)] = best
        score[row, : len(best)] = value
    return Ranking(product, score)


def _spread(ranking: Ranking, row: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Ranking:
    """Return the list of each request from those of the distinct texts."""
    return Ranking(ranking.product[row], ranking.score[row])
