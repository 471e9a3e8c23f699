"""An index of the words of the catalogue, with BM25 over weighted fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from gnn_search.arrays import Float32, Int32, Int64, bisect_rows, expand_ranges
from gnn_search.graph.lexical.analyser import Analyser
from gnn_search.graph.lexical.fields import product_fields
from gnn_search.graph.lexical.query import EXACT, STEM, QueryReader
from gnn_search.graph.lexical.settings import lexical_settings
from gnn_search.graph.lexical.synonyms import open_synonyms
from gnn_search.graph.lexical.vocabulary import Vocabulary, field_words
from gnn_search.graph.store import Graph

_SATURATION, _LENGTH = 0.9, 0.4
_BLOCK = 256
"""Texts that are scored together."""
_PAIRS = 1 << 18
"""Pairs of a text and a product that are described together."""
COVER_NAMES = ("words: share covered exactly", "words: share covered by stem", "words: share covered in some form")
"""What `LexicalIndex.cover` says of a pair."""


@dataclass(frozen=True)
class Matches:
    """Products that the words of some texts match, best first, ragged by text.

    Shapes:
        - indptr: int64 [texts + 1]
        - product: int32 [matches]
        - score: float32 [matches]
    """

    indptr: Int64
    product: Int32
    score: Float32

    def of(self, text: int) -> tuple[Int32, Float32]:
        """Return the products of one text and their scores."""
        part = slice(self.indptr[text], self.indptr[text + 1])
        return self.product[part], self.score[part]


class LexicalIndex:
    """BM25F over title, brand, category path and description, as the graph's recipe weights them; ties by product number.

    A word counts in a product by the sum over the fields of weight times frequency, each divided by the field's length (b = 0.4), which
    then saturates (k1 = 0.9) and is multiplied by the word's rarity: Robertson, Zaragoza and Taylor, Simple BM25 extension to multiple
    weighted fields, 2004; the rarity is Lucene's, ln(1 + (N - n + 0.5) / (n + 0.5)). `QueryReader` says how a query's words become terms
    of the index, and what each counts. Scores are made from the postings of a query's words; no text costs a look at all products.

    Texts have no time, so every product of the catalogue is there.
    """

    def __init__(self, graph: Graph) -> None:
        settings = lexical_settings(graph)
        self.analyser = Analyser.of(graph)
        fields = product_fields(graph, settings.fields)
        words = [field_words(self.analyser, texts) for texts, _ in fields]
        self._num_products = graph.num_nodes["product"]
        self.vocabulary = Vocabulary.of_words(self.analyser, words, self._num_products)
        frequency = self.vocabulary.frequencies(words, [weight for _, weight in fields], _LENGTH)
        self._idf = _rarity(np.diff(frequency.indptr), self._num_products)
        self._unknown_idf = float(_rarity(np.zeros(1), self._num_products)[0])
        saturated = frequency.data / (frequency.data + _SATURATION) * np.repeat(self._idf, np.diff(frequency.indptr))
        self._postings = csr_array((saturated.astype(np.float32), frequency.indices, frequency.indptr), shape=frequency.shape)
        self._queries = QueryReader(self.analyser, self.vocabulary, open_synonyms(graph))

    def search(self, texts: pl.Series, k: int, allowed: Int32 | None = None) -> Matches:
        """Return at most `k` products of each text, best first; those without a word of the text are none.

        Args:
            texts: The queries.
            k: Most products a text.
            allowed: The only products that may be found, ascending; None for all.

        Shapes:
            - texts: String [n]
            - allowed: int32 [m]
        """
        sizes, products, scores = [], [], []
        for found, score in self._lists(texts, k, allowed):
            sizes.append(len(found))
            products.append(found)
            scores.append(score)
        return Matches(
            np.r_[0, np.cumsum(sizes)].astype(np.int64),
            np.concatenate([*products, np.empty(0, dtype=np.int32)]).astype(np.int32),
            np.concatenate([*scores, np.empty(0, dtype=np.float32)]).astype(np.float32),
        )

    def _lists(self, texts: pl.Series, k: int, allowed: Int32 | None) -> Iterator[tuple[Int32, Float32]]:
        permitted = None
        if allowed is not None:
            permitted = np.zeros(self._num_products, dtype=np.bool_)
            permitted[allowed] = True
        for start in range(0, len(texts), _BLOCK):
            block = texts.slice(start, _BLOCK)
            terms = self._queries.read(block)
            scores = csr_array(terms.weights(len(block), self._postings.shape[0]) @ self._postings)
            for row in range(len(block)):
                part = slice(scores.indptr[row], scores.indptr[row + 1])
                yield _best(scores.indices[part], scores.data[part], k, permitted)

    def cover(self, texts: pl.Series, text: Int64, product: Int32) -> Float32:
        """Say how much of each text each product holds, as shares of the text's words, weighted by their rarity.

        A word that the whole catalogue lacks weighs the most, so that a product that holds the rest of the text covers less of it.

        Shapes:
            - texts: String [n]
            - text: int64 [pairs], of `texts`
            - product: int32 [pairs]
            - Returns float32 [pairs, 3]: exactly; by stem; in some form, as the stem of a synonym or of a word that is spelt much the same,
              where it counts less. Each is 0 to 1.
        """
        terms = self._queries.read(texts)
        rarity = terms.unit_rarity(self._idf, self._unknown_idf)
        shares = np.zeros((len(text), 3), dtype=np.float32)
        for start in range(0, len(text), _PAIRS):
            block = slice(start, start + _PAIRS)
            first, last = terms.indptr[text[block]], terms.indptr[text[block] + 1]
            pair, entry = expand_ranges(first, last)
            held = self._holds(terms.term[entry], product[block][pair].astype(np.int64))
            pair, entry = pair[held], entry[held]
            unit = terms.unit[entry]
            key, place = np.unique(pair * terms.num_units + unit, return_inverse=True)
            weight = rarity[key % terms.num_units] / terms.text_total(rarity)[text[block]][key // terms.num_units]
            for column, most in enumerate((EXACT, STEM, None)):
                counted = np.ones(len(entry), dtype=bool) if most is None else terms.how[entry] <= most
                part = np.minimum(np.bincount(place[counted], weights=terms.cover[entry][counted], minlength=len(key)), 1)
                shares[block, column] = np.bincount(key // terms.num_units, weights=part * weight, minlength=len(first))
        return shares

    def _holds(self, term: Int64, product: Int64) -> np.ndarray:
        starts, ends = self._postings.indptr[term].astype(np.int64), self._postings.indptr[term + 1].astype(np.int64)
        place = bisect_rows(np.asarray(self._postings.indices), starts, ends, product)
        inside = np.minimum(place, max(self._postings.nnz - 1, 0))
        return (place < ends) & (self._postings.indices[inside] == product) if self._postings.nnz else np.zeros(len(term), dtype=bool)


def _rarity(products: np.ndarray, num_products: int) -> np.ndarray:
    return np.asarray(np.log1p((num_products - products + 0.5) / (products + 0.5)))


def _best(product: Int32, score: Float32, k: int, permitted: np.ndarray | None) -> tuple[Int32, Float32]:
    """Return the `k` best, ties by number; postings of a product are in no order."""
    if permitted is not None:
        kept = permitted[product]
        product, score = product[kept], score[kept]
    if len(score) > k > 0:
        kept = score >= np.partition(score, -k)[-k]
        product, score = product[kept], score[kept]
    order = np.lexsort((product, -score))[:k]
    return product[order], score[order]
