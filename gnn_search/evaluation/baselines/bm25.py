"""Lexical ranking by BM25 over product texts."""

from __future__ import annotations

import numpy as np
import polars as pl

from gnn_search.arrays import PADDING, Int32
from gnn_search.graph.lexical.index import LexicalIndex
from gnn_search.graph.store import Graph
from gnn_search.retrieval.rankers.lexical import rank_words
from gnn_search.retrieval.ranking import Ranking


class Bm25:
    """Rank by the BM25 of `LexicalIndex`.

    Products without a word of the query are left out. Texts have no time, so every product of the catalogue is a candidate.
    """

    name = "bm25"

    def __init__(self, graph: Graph) -> None:
        self._texts: pl.Series = graph.nodes("query")["query"]
        self._index = LexicalIndex(graph)

    def rank(self, user: Int32, query: Int32, k: int) -> Ranking:
        """See `CaseRanker.rank`. The score is BM25's; an unknown query, -1, gets an empty list."""
        distinct, inverse = np.unique(query, return_inverse=True)
        product = np.full((len(distinct), k), PADDING, dtype=np.int32)
        score = np.full((len(distinct), k), -np.inf, dtype=np.float32)
        known = distinct >= 0
        found = rank_words(self._index, self._texts.gather(distinct[known]), k)
        product[known], score[known] = found.product, found.score
        return Ranking(product[inverse], score[inverse])

    def rank_texts(self, user: Int32, texts: pl.Series, k: int) -> Ranking:
        """See `TextCaseRanker.rank_texts`."""
        return rank_words(self._index, texts, k)
