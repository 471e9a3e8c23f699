"""Lexical ranking by BM25 over what a product's texts say."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.graph.lexical import LexicalIndex, split_words
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import PADDING, Ranking


class Bm25:
    """Rank by the BM25 of `LexicalIndex`.

    Products without a word of the query are left out. Texts have no time, so every product of the catalogue is a candidate.
    """

    name = "bm25"

    def __init__(self, graph: Graph) -> None:
        self._texts: pl.Series = graph.nodes("query")["query"]
        self._index = LexicalIndex(graph)

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """See `Ranker.rank`. The score is BM25's."""
        distinct, inverse = np.unique(query, return_inverse=True)
        product = np.full((len(distinct), k), PADDING, dtype=np.int32)
        score = np.full((len(distinct), k), -np.inf, dtype=np.float32)
        known = np.flatnonzero(distinct >= 0)
        words = split_words(self._texts.gather(distinct[known]))
        for row, text in zip(known, words, strict=True):
            best, value = self._index.best(text, k)
            product[row, : len(best)] = best
            score[row, : len(best)] = value
        return Ranking(product[inverse], score[inverse])
