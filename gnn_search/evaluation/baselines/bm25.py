"""Lexical ranking by BM25 over what a product's texts say."""

from __future__ import annotations

import bm25s
import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.evaluation.baselines.product_texts import product_texts
from gnn_search.graph.store import Graph
from gnn_search.retrieval.ranking import PADDING, Ranking

_WORD = r"(?u)\b\w+\b"


class Bm25:
    """Rank by BM25 (Lucene's variant, k1 = 1.5, b = 0.75) over title, brand and category path, ties by product number.

    Products without a word of the query are left out. Texts have no time, so every product of the catalogue is a candidate.
    """

    name = "bm25"

    def __init__(self, graph: Graph) -> None:
        self._texts: pl.Series = graph.nodes("query")["query"]
        words = _words(product_texts(graph))
        # The library can't index a catalogue in which no product has a word.
        self._index: bm25s.BM25 | None = None
        if any(words):
            self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
            self._index.index(words, show_progress=False)

    def rank(self, user: NDArray[np.int32], query: NDArray[np.int32], k: int) -> Ranking:
        """See `Ranker.rank`. The score is BM25's."""
        distinct, inverse = np.unique(query, return_inverse=True)
        product = np.full((len(distinct), k), PADDING, dtype=np.int32)
        score = np.full((len(distinct), k), -np.inf, dtype=np.float32)
        known = np.flatnonzero(distinct >= 0)
        words = _words(self._texts.gather(distinct[known]))
        for row, text in zip(known, words, strict=True):
            best, value = self._best(text, k)
            product[row, : len(best)] = best
            score[row, : len(best)] = value
        return Ranking(product[inverse], score[inverse])

    def _best(self, words: list[str], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the numbers and scores of at most `k` products, best first."""
        if self._index is None:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        scores = self._index.get_scores_from_ids(self._index.get_tokens_ids(words))
        found = np.flatnonzero(scores)
        if len(found) > k:
            threshold = np.partition(scores[found], -k)[-k]
            found = found[scores[found] >= threshold]
        best = found[np.argsort(-scores[found], kind="stable")[:k]]
        return best, scores[best]


def _words(texts: pl.Series) -> list[list[str]]:
    if len(texts) == 0:
        return []
    words = bm25s.tokenize(texts.to_list(), token_pattern=_WORD, stopwords=None, return_ids=False, show_progress=False)
    assert isinstance(words, list)
    return words
