"""A BM25 index over what the products' texts say."""

from __future__ import annotations

import bm25s
import numpy as np
import polars as pl
from numpy.typing import NDArray

from gnn_search.graph.store import Graph

_WORD = r"(?u)\b\w+\b"


class LexicalIndex:
    """BM25 (Lucene's variant, k1 = 1.5, b = 0.75) over title, brand and category path, ties by product number.

    Texts have no time, so every product of the catalogue is there.
    """

    def __init__(self, graph: Graph) -> None:
        words = split_words(product_words(graph))
        # The library can't index a catalogue in which no product has a word.
        self._index: bm25s.BM25 | None = None
        if any(words):
            self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
            self._index.index(words, show_progress=False)

    def best(
        self, words: list[str], k: int, left_out: NDArray[np.int64] | None = None, allowed: NDArray[np.int32] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the numbers and scores of at most `k` products, best first; those without a word of the query are none.

        Args:
            words: The query, from `split_words`.
            k: Most products.
            left_out: Products that are not wanted.
            allowed: The only products that are; None for all.
        """
        if self._index is None:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        scores = self._index.get_scores_from_ids(self._index.get_tokens_ids(words))
        if left_out is not None:
            scores[left_out] = 0
        if allowed is not None:
            kept = np.zeros_like(scores)
            kept[allowed] = scores[allowed]
            scores = kept
        found = np.flatnonzero(scores)
        if len(found) > k:
            threshold = np.partition(scores[found], -k)[-k]
            found = found[scores[found] >= threshold]
        best = found[np.argsort(-scores[found], kind="stable")[:k]]
        return best, scores[best]

    def best_of_texts(
        self, texts: pl.Series, k: int, allowed: NDArray[np.int32] | None = None
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Return `best` of each text."""
        return [self.best(words, k, allowed=allowed) for words in split_words(texts)]


def split_words(texts: pl.Series) -> list[list[str]]:
    """Cut texts into lower-case words."""
    if len(texts) == 0:
        return []
    words = bm25s.tokenize(texts.to_list(), token_pattern=_WORD, stopwords=None, return_ids=False, show_progress=False)
    assert isinstance(words, list)
    return words


def product_words(graph: Graph) -> pl.Series:
    """Return title, brand and category path of every product, joined by spaces, in the order of the nodes."""
    products = graph.nodes("product")
    parts = [products["title"]]
    if "brand" in products.columns:
        parts.append(products["brand"])
    if "category" in products.columns and graph.num_nodes.get("category", 0):
        parts.append(graph.nodes("category")["path"].gather(products["category"]))
    named = [part.alias(str(i)) for i, part in enumerate(parts)]
    return pl.select(pl.concat_str([pl.lit(part) for part in named], separator=" ", ignore_nulls=True)).to_series()
