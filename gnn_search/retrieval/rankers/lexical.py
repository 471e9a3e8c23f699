"""Rank by the words that a query shares with the fields of products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from gnn_search.arrays import Int32, expand_ranges
from gnn_search.index.base import ProductIndex, check_k
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.retrieval.ranking import Ranking, empty_ranking
from gnn_search.retrieval.request_encoder import EncodedRequests

if TYPE_CHECKING:
    from gnn_search.graph.lexical.index import LexicalIndex


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
    lists, found = empty_ranking(len(texts), k), index.search(texts, k, allowed)
    row, place = expand_ranges(found.indptr[:-1], found.indptr[1:])
    lists.product[row, place - found.indptr[row]] = found.product[place]
    lists.score[row, place - found.indptr[row]] = found.score[place]
    return lists
