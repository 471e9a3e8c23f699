"""Small changes of queries that a user makes without meaning anything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnn_search.arrays import Bool, Float64, Int64
from gnn_search.sampling.random_source import RandomSource
from gnn_search.tables.plurals import change_number
from gnn_search.tables.typos import TypoFunction, can_mistype, leave_out_letter, swap_letters

_PLACES = 20
"""Bits of a word's place in its query."""


@dataclass(frozen=True)
class QueryWords:
    """The words of some queries, ragged.

    Shapes:
        - key: int64 [queries], what the random numbers of each are drawn by
        - indptr: int64 [queries + 1]
        - words: [words]
    """

    key: Int64
    indptr: Int64
    words: Sequence[str]

    @property
    def row(self) -> Int64:
        """The query of each word, int64 [words]."""
        return np.repeat(np.arange(len(self.key), dtype=np.int64), np.diff(self.indptr))

    def texts(self, words: Sequence[str], row: Int64) -> pl.Series:
        """Join words to texts again, in the order of the rows that they belong to; one without any is empty."""
        joined = pl.DataFrame({"row": row, "word": pl.Series(words, dtype=pl.String)}).group_by("row").agg(pl.col("word").str.join(" "))
        rows = pl.DataFrame({"row": np.arange(len(self.key), dtype=np.int64)})
        return rows.join(joined, on="row", how="left", maintain_order="left")["word"].fill_null("")


def leave_letter_out(queries: QueryWords, random: RandomSource) -> pl.Series:
    """Leave one letter out of one word of each query; see `leave_out_letter`."""
    return _mistype(queries, random, leave_out_letter)


def swap_two_letters(queries: QueryWords, random: RandomSource) -> pl.Series:
    """Swap two neighbouring letters of one word of each query; see `swap_letters`."""
    return _mistype(queries, random, swap_letters)


def change_last_number(queries: QueryWords, random: RandomSource) -> pl.Series:
    """Write the plural for the singular, or the singular for the plural, of the last word of each query that has both."""
    distinct, place = np.unique(np.array(queries.words, dtype=np.str_), return_inverse=True)
    other = np.array(change_number(distinct.tolist()), dtype=np.str_)
    changeable = (other != distinct)[place] if len(distinct) else np.zeros(0, dtype=np.bool_)
    last = np.full(len(queries.key), -1, dtype=np.int64)
    np.maximum.at(last, queries.row[changeable], np.flatnonzero(changeable))
    last = last[last >= 0]
    return queries.texts(_replaced(queries.words, last, other[place[last]].tolist()), queries.row)


def reorder_words(queries: QueryWords, random: RandomSource) -> pl.Series:
    """Put the words of each query into another order."""
    row = queries.row
    place = np.arange(len(row)) - queries.indptr[:-1][row]
    draws = random.uniform("order of words", 0, (queries.key[row] << _PLACES) | place, 1)[:, 0]
    texts = queries.texts(queries.words, row)
    drawn = _in_order(queries, draws)
    # What came out as it was begins with its last word instead; of two words that is the other order.
    last = queries.indptr[1:][row] - 1 == np.arange(len(row))
    turned = _in_order(queries, np.where(last, -1.0, place))
    return drawn.to_frame("text").select(pl.when(pl.col("text") == texts).then(turned).otherwise("text")).to_series()


def drop_word(queries: QueryWords, random: RandomSource) -> pl.Series:
    """Leave one word out of each query of several words."""
    several = np.diff(queries.indptr) > 1
    dropped = _pick(queries, several[queries.row], random.uniform("dropped word", 0, queries.key, 1)[:, 0])
    kept = np.ones(len(queries.words), dtype=np.bool_)
    kept[dropped] = False
    return queries.texts([queries.words[at] for at in np.flatnonzero(kept).tolist()], queries.row[kept])


Perturbation = Callable[[QueryWords, RandomSource], pl.Series]

PERTURBATIONS: dict[str, Perturbation] = {
    "letter left out": leave_letter_out,
    "letters swapped": swap_two_letters,
    "plural or singular": change_last_number,
    "words reordered": reorder_words,
    "word dropped": drop_word,
}
"""The kinds of change by name."""


def perturb(texts: pl.Series, key: Int64, kind: str, seed: int) -> pl.Series:
    """Change each query a little. One that the kind can't change stays as it is.

    What becomes of a query depends on its text, its key and the seed, and on no other query.

    Args:
        texts: The queries, normalised.
        key: What the random numbers of each are drawn by, such as its node.
        kind: One of `PERTURBATIONS`.
        seed: The same seed gives the same texts.

    Shapes:
        - texts: String [n]
        - key: int64 [n], not negative
        - Returns String [n]
    """
    words = texts.str.extract_all(r"\S+")
    queries = QueryWords(key, np.cumsum(np.r_[0, words.list.len().cast(pl.Int64).to_numpy()]), words.explode(empty_as_null=False).to_list())
    return PERTURBATIONS[kind](queries, RandomSource(seed)).alias(texts.name)


def _mistype(queries: QueryWords, random: RandomSource, typo: TypoFunction) -> pl.Series:
    draws = random.uniform(typo.__name__, 0, queries.key, 2)
    mistyped = _pick(queries, can_mistype(queries.words), draws[:, 0])
    changed = typo([queries.words[at] for at in mistyped.tolist()], draws[queries.row[mistyped], 1])
    return queries.texts(_replaced(queries.words, mistyped, changed), queries.row)


def _pick(queries: QueryWords, allowed: Bool, draws: Float64) -> Int64:
    """Draw one of the allowed words of each query that has any: places of words, int64, ascending."""
    places = np.flatnonzero(allowed)
    counts = np.bincount(queries.row[places], minlength=len(queries.key))
    rank = np.minimum((draws * counts).astype(np.int64), np.maximum(counts - 1, 0))
    return np.asarray(places[(np.cumsum(counts) - counts + rank)[counts > 0]])


def _in_order(queries: QueryWords, order: Float64) -> pl.Series:
    """Return the texts with the words of each query in an ascending order."""
    places = np.lexsort((order, queries.row))
    return queries.texts([queries.words[at] for at in places.tolist()], queries.row[places])


def _replaced(words: Sequence[str], places: Int64, by: Sequence[str]) -> list[str]:
    result = list(words)
    for place, word in zip(places.tolist(), by, strict=True):
        result[place] = word
    return result
