"""The words of a catalogue, their stems, and how often each product has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import coo_array, csr_array

from gnn_search.arrays import Float32, Int64, expand_ranges
from gnn_search.graph.lexical.analyser import Analyser, Words, codes, concat_words, distinct_words, hyphened, single_characters
from gnn_search.graph.lexical.compounds import known_end, split_compound
from gnn_search.graph.lexical.languages import joins_words
from gnn_search.graph.lexical.spelling import SpellingIndex

_PART = 0.5
"""What a part of a compound counts where the whole counts 1."""


@dataclass(frozen=True)
class FieldWords:
    """The words of one field of all products.

    Attributes:
        plain: As they stand there; their number is the field's length.
        joined: What is written together only here: codes, words with hyphens, single characters.
    """

    plain: Words
    joined: Words


def field_words(analyser: Analyser, texts: pl.Series) -> FieldWords:
    """Cut one field of all products into words.

    Shapes:
        - texts: String [products]
    """
    plain = analyser.words(texts)
    return FieldWords(plain, concat_words(codes(plain), hyphened(analyser, texts), single_characters(plain)))


@dataclass(frozen=True)
class Vocabulary:
    """The words of a catalogue. A term of the index is a stem, or a word as it is written: stems come first, then words.

    Shapes:
        - words: [words], folded, sorted
        - stems: [stems], sorted
        - stem_indptr: int64 [words + 1]; stem: int64; stem_weight: float32: the stems of each word, and of its parts
        - count: int64 [words], how often each word occurs
    """

    words: pl.Series
    stems: pl.Series
    stem_indptr: Int64
    stem: Int64
    stem_weight: Float32
    count: Int64
    num_products: int

    @classmethod
    def of_words(cls, analyser: Analyser, fields: Sequence[FieldWords], num_products: int) -> Vocabulary:
        """Number the words of all fields, and their stems."""
        everything = [part for field in fields for part in (field.plain, field.joined)]
        words = distinct_words(*everything)
        table = analyser.stems_of(words).with_columns(weight=pl.lit(1.0, dtype=pl.Float32))
        if joins_words(analyser.languages):
            table = pl.concat([table, _parts(analyser, words)]).group_by("word", "stem", maintain_order=True).agg(pl.col("weight").max())
        stems = table["stem"].unique().sort()
        numbered = table.with_columns(number=_numbers(words, table["word"]), term=_numbers(stems, table["stem"]))
        numbered = numbered.sort("number", "term")
        number = numbered["number"].to_numpy()
        occurring = np.concatenate([_numbers(words, part.word) for part in everything])
        return cls(
            words=words,
            stems=stems,
            stem_indptr=np.cumsum(np.r_[0, np.bincount(number, minlength=len(words))]),
            stem=numbered["term"].to_numpy(),
            stem_weight=numbered["weight"].to_numpy(),
            count=np.bincount(occurring, minlength=len(words)).astype(np.int64),
            num_products=num_products,
        )

    def frequencies(self, fields: Sequence[FieldWords], weights: Sequence[float], length: float) -> csr_array:
        """Return how often each product has each term, over its fields, each with its weight and divided by its length: [terms, products].

        Args:
            fields: The words that the vocabulary was made of.
            weights: What each field counts.
            length: How much the length counts, BM25's b.
        """
        rows, columns, values = [], [], []
        for field, weight in zip(fields, weights, strict=True):
            size = np.bincount(field.plain.text, minlength=self.num_products)
            mean = size.sum() / max(np.count_nonzero(size), 1)
            norm = weight / (1 - length + length * size / max(mean, 1))
            for part in (field.plain, field.joined):
                word = self.number(part.word)
                value = norm[part.text].astype(np.float32)
                occurrence, position = expand_ranges(self.stem_indptr[word], self.stem_indptr[word + 1])
                rows += [len(self.stems) + word, self.stem[position]]
                columns += [part.text, part.text[occurrence]]
                values += [value, value[occurrence] * self.stem_weight[position]]
        shape = (len(self.stems) + len(self.words), self.num_products)
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        frequency = coo_array(entries, shape=shape).tocsr()
        frequency.sort_indices()
        return frequency

    def number(self, words: pl.Series) -> Int64:
        """Return the number of each word, -1 for one that the catalogue lacks."""
        return _numbers(self.words, words)

    def stem_number(self, stems: pl.Series) -> Int64:
        """Return the term of each stem, -1 for one that the catalogue lacks."""
        return _numbers(self.stems, stems)

    @cached_property
    def spelling(self) -> SpellingIndex:
        """The words by their spelling; made when a word is first looked for."""
        return SpellingIndex(self.words.to_list(), self.count)

    @cached_property
    def known(self) -> frozenset[str]:
        """The words that others may be made of."""
        return frozenset(self.words.to_list())


def _numbers(ordered: pl.Series, wanted: pl.Series) -> Int64:
    """Return the place of each wanted word in sorted distinct ones, -1 where it is absent."""
    if not len(ordered) or not len(wanted):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = ordered.search_sorted(wanted).cast(pl.Int64).clip(0, len(ordered) - 1)
    return np.where(ordered.gather(place) == wanted, place, -1).astype(np.int64)


def _parts(analyser: Analyser, words: pl.Series) -> pl.DataFrame:
    """Return the stems of the parts of compounds among the words."""
    listed = words.to_list()
    known = frozenset(listed)
    split = {word: split_compound(word, known, linked=True) or [known_end(word, known, linked=True)] for word in listed if word.isalpha()}
    split = {word: parts for word, parts in split.items() if parts[0]}
    rows = pl.DataFrame({"word": list(split), "part": list(split.values())}, schema={"word": pl.String, "part": pl.List(pl.String)})
    rows = rows.explode("part")
    stems = analyser.stems_of(rows["part"].unique(maintain_order=True)).rename({"word": "part"})
    joined = rows.join(stems, on="part", how="inner", maintain_order="left")
    return joined.select("word", "stem", weight=pl.lit(_PART, dtype=pl.Float32))
