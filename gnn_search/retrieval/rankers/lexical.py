"""Rank by the words that a query shares with titles, brands and category paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gnn_search.arrays import Int32
from gnn_search.index.base import ProductIndex, check_k
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.retrieval.ranking import Ranking, empty_ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

if TYPE_CHECKING:
    from gnn_search.graph.lexical import LexicalIndex


class LexicalRanker:
    """Ranks by the BM25 of `LexicalIndex`; products without a word of the query are left out, and users do not count."""

    def __init__(self, index: ProductIndex, words: WordMatcher) -> None:
        self.index, self._words = index, words

    def rank(self, requests: EncodedRequests, k: int, allowed: Int32 | None = None) -> Ranking:
        """See `Ranker.rank`; a score is BM25's."""
        check_k(k, self.index.count)
        lists = rank_words(self._words.index, pl.Series(requests.texts, dtype=pl.String), k, allowed)
        return Ranking(lists.product[requests.text], lists.score[requests.text])


def rank_words(index: LexicalIndex, texts: pl.Series, k: int, allowed: Int32 | None = None) -> Ranking:
    """Return the best products of each text by BM25.

    Shapes:
        - texts: String [n], normalised
        - allowed: int32 [m], ascending; None for all
    """
    lists = empty_ranking(len(texts), k)
    for row, (best, value) in enumerate(index.best_of_texts(texts, k, allowed)):
        lists.product[row, : len(best)] = best
        lists.score[row, : len(best)] = value
    return lists
