"""Texts that no log holds: queries with noise, and pseudo-queries of products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gnn_search.arrays import Bool, Float64, Int32, Int64, expand_ranges
from gnn_search.config.training import AugmentationSettings
from gnn_search.sampling.random_source import RandomSource
from gnn_search.tables.plurals import change_number
from gnn_search.tables.typos import add_typos

_TYPOS, _NUMBERS, _LEFT_OUT = 0.4, 0.25, 2
"""How many of the changes are typos and how many plurals or singulars; the others are words left out, the kind 2."""
_MOST_WORDS = 4
"""Words of a pseudo-query, at most."""


@dataclass(frozen=True)
class AugmentedTexts:
    """Texts of one step.

    Shapes:
        - noisy: int64 [k], places of queries that are taught as unknown ones, by the first k texts
        - product: int32 [n], the product that each of the other texts asks for
        - texts: [k + n]
    """

    noisy: Int64
    product: Int32
    texts: list[str]


class _Words:
    """Texts as lists of words, cut at white space.

    Shapes:
        - indptr: int64 [texts + 1]
        - words: String [words]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        lists = pl.Series("text", texts, dtype=pl.String).str.to_lowercase().str.extract_all(r"\S*\w\S*")
        self.indptr = np.cumsum(np.r_[0, lists.list.len().cast(pl.Int64).to_numpy()])
        self.words = lists.explode(empty_as_null=False, keep_nulls=False)


class Augmenter:
    """Draws the noise and the pseudo-queries of each step, always the same for the same step.

    Noise is one change a query: a letter wrong in one word, a plural for a singular or back, or a word left out. A pseudo-query is some
    words of what a product is searched by (title, brand, category path), next to each other or from anywhere; the products are drawn
    evenly from the catalogue.

    Args:
        settings: How much of it.
        queries, products: Their texts.
        random: Of the draws.
    """

    def __init__(self, settings: AugmentationSettings, queries: Sequence[str], products: Sequence[str], random: RandomSource) -> None:
        self._settings, self._random = settings, random
        self._queries, self._products = _Words(queries), _Words(products)
        self._with_words = np.flatnonzero(np.diff(self._products.indptr) > 0).astype(np.int32)

    def draw(self, step: int, query: Int32, batch_size: int) -> AugmentedTexts:
        """Draw the texts of a step.

        Shapes:
            - query: int32 [q], the step's queries
        """
        generator = self._random.generator("augmented texts", step)
        noisy = np.flatnonzero(generator.random(len(query)) < self._settings.noise)
        draws = generator.random((len(noisy), 4))
        count = round(self._settings.pseudo_queries * batch_size) if len(self._with_words) else 0
        product = self._with_words[generator.integers(0, max(len(self._with_words), 1), count)]
        row, words = self._some_words(product.astype(np.int64), generator)
        changed = generator.random(count) < self._settings.typos
        draws = np.concatenate([draws, generator.random((count, 4))])
        of_query, of_words = _taken(self._queries, query[noisy].astype(np.int64))
        row, words = np.concatenate([of_query, len(noisy) + row]), pl.concat([of_words, words])
        # A pseudo-query is short already: it keeps all its words.
        of_product = np.arange(len(draws)) >= len(noisy)
        changed = np.r_[~of_product[: len(noisy)], changed]
        return AugmentedTexts(noisy, product, _with_noise(row, words, draws, changed, of_product))

    def with_noise(self, query: Int32, step: int = 0) -> list[str]:
        """Return the texts of queries with one change each, the same for the same step.

        Shapes:
            - query: int32 [n]
            - returns: [n]
        """
        generator = self._random.generator("noisy queries", step)
        row, words = _taken(self._queries, query.astype(np.int64))
        none = np.zeros(len(query), np.bool_)
        return _with_noise(row, words, generator.random((len(query), 4)), ~none, none)

    def log_absence(self, product: Int32, count: int) -> Float64:
        """Return ln of the chance that none of so many pseudo-queries asks for each of some products: float64 like product."""
        has_words = np.diff(self._products.indptr)[product] > 0
        return np.where(has_words, count * np.log1p(-1 / max(len(self._with_words), 2)), 0.0)

    def _some_words(self, product: Int64, generator: np.random.Generator) -> tuple[Int64, pl.Series]:
        """Draw one to four words of each product: half of the products give neighbouring words, half words from anywhere."""
        starts, ends = self._products.indptr[product], self._products.indptr[product + 1]
        length = ends - starts
        count = np.minimum(generator.integers(1, _MOST_WORDS + 1, len(product)), length)
        first = (generator.random(len(product)) * (length - count + 1)).astype(np.int64)
        neighbouring = generator.random(len(product)) < 0.5
        row, position = expand_ranges(starts, ends)
        place = position - starts[row]
        inside = (place >= first[row]) & (place < (first + count)[row])
        # The least of the draws are taken; those of neighbouring words are 0.
        draw = np.where(neighbouring[row], ~inside, generator.random(len(row)))
        order = np.lexsort((draw, row))
        rank = np.arange(len(row)) - (np.cumsum(length) - length)[row]
        kept = np.sort(order[rank < count[row]])
        return row[kept], self._products.words.gather(position[kept])


def _taken(texts: _Words, rows: Int64) -> tuple[Int64, pl.Series]:
    row, position = expand_ranges(texts.indptr[rows], texts.indptr[rows + 1])
    return row, texts.words.gather(position)


def _with_noise(row: Int64, words: pl.Series, draws: Float64, changed: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> list[str]:
    """Join the words of texts, one of them changed in each text that is to be changed.

    Shapes:
        - row: int64 [words], the text of each, ascending
        - draws: float64 [texts, 4], in [0, 1)
        - changed: bool [texts]
        - whole: bool [texts], of which no word is left out
        - returns: [texts]
    """
    sizes = np.bincount(row, minlength=len(draws))
    picked = (np.cumsum(sizes) - sizes) + (draws[:, 0] * sizes).astype(np.int64)
    kind = np.searchsorted([_TYPOS, _TYPOS + _NUMBERS], draws[:, 1], side="right")
    # A text of one word keeps it and gets a typo instead.
    kind = np.where((kind == _LEFT_OUT) & (sizes < 2), 0, kind)
    kind = np.where(whole, draws[:, 1] >= _TYPOS, kind)
    kind[~changed | (sizes == 0)] = -1
    typo, number, left_out = (picked[kind == place] for place in range(3))
    replaced = words.to_numpy().copy()
    replaced[typo] = add_typos(words.gather(typo).to_list(), draws[kind == 0, 2:])
    replaced[number] = change_number(words.gather(number).to_list())
    kept = np.ones(len(row), dtype=np.bool_)
    kept[left_out] = False
    frame = pl.DataFrame({"row": row[kept], "word": replaced[kept]}, schema={"row": pl.Int64, "word": pl.String})
    joined = frame.group_by("row", maintain_order=True).agg(pl.col("word").str.join(" "))
    texts = np.full(len(draws), "", dtype=object)
    texts[joined["row"].to_numpy()] = joined["word"].to_list()
    return list(texts)


def draw_held_out(count: int, share: float, seed: int) -> Bool:
    """Draw a share of queries, the same for the same seed: bool [count]."""
    draws = RandomSource(seed).uniform("held-out queries", 0, np.arange(count, dtype=np.int64), 1)[:, 0]
    return np.asarray(draws < share)
