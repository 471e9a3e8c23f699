"""Cut texts into words: one normal form, numbers and codes kept, characters of scripts without spaces, stems by language."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate, chain, pairwise

import numpy as np
import polars as pl

from gnn_search.arrays import Int64
from gnn_search.errors import MissingExtraError
from gnn_search.graph.lexical.languages import elides, stem_words
from gnn_search.graph.lexical.settings import lexical_settings
from gnn_search.graph.store import Graph
from gnn_search.tables.text import normalise_query

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々"
_TOKEN = rf"\d+/\d+|\d+(?:[.,]\d+)*|[{_UNSPACED}][{_UNSPACED}\p{{M}}]*|[\p{{L}}--[{_UNSPACED}]][\p{{L}}\p{{M}}--[{_UNSPACED}]]*"
_ASCII_TOKEN = re.compile(r"\d+/\d+|\d+(?:[.,]\d+)*|[a-z]+")
"""`_TOKEN` in a text of ASCII alone."""
_HYPHENED = r"[\p{L}\p{M}]+(?:-[\p{L}\p{M}]+)+"
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ё": "е", "’": "'"}
_MANY = 1024
"""Texts of which it pays to look at those of ASCII alone apart, and up to which few texts are cut faster by themselves than by polars."""
_LONGEST_CODE = 4
"""Letters of a word that is written together with a number beside it."""


@dataclass(frozen=True)
class Words:
    """The words of some texts, in their order.

    Shapes:
        - text: int64 [n], ascending, the text of each
        - place: int64 [n], where in the text; the grams of one run of characters share a place
        - word: [n], folded words
    """

    text: Int64
    place: Int64
    word: pl.Series


@dataclass(frozen=True)
class Analyser:
    """Makes words of texts as a shop's recipe says.

    Upper and lower case and accents make no difference, nor, in German, umlauts (Küche, kueche, kuche), nor do hyphens and spaces in model
    codes (WD-40, wd40, wd 40). Text without spaces becomes pairs of neighbouring characters, as Lucene's CJKAnalyzer has it, and with
    `segment`, words of Chinese as well.

    Args:
        languages: Of the shop, as in the recipe; none for no stems.
        segment: Cut Chinese into words, too.

    Raises:
        MissingExtraError: `segment` needs a package that is not installed.
    """

    languages: tuple[str, ...] = ("english",)
    segment: bool = False

    def __post_init__(self) -> None:
        if self.segment:
            _segmenter()

    @classmethod
    def of(cls, graph: Graph) -> Analyser:
        """Return the analyser of a graph's recipe."""
        settings = lexical_settings(graph)
        return cls(settings.language, settings.segmentation == "words")

    def fold(self, texts: pl.Series) -> pl.Series:
        """Return texts in the one form in which they are compared: lower case, without accents and apostrophes; in German `ae` is `a`."""
        table = texts.to_frame("text")
        if len(texts) < _MANY:
            return table.select(self._folded(plain=False)).to_series()
        # Most texts are ASCII, and are through quickly.
        table = table.with_row_index("row")
        ascii_only = pl.col("text").str.len_bytes() == pl.col("text").str.len_chars()
        parts = [table.filter(kept).with_columns(self._folded(plain=plain)) for kept, plain in ((ascii_only, True), (~ascii_only, False))]
        return pl.concat(parts).sort("row")["text"]

    def _folded(self, *, plain: bool) -> pl.Expr:
        text = pl.col("text")
        if plain:
            text = text.str.to_lowercase()
        else:
            text = normalise_query(text).str.replace_many(list(_LETTERS), list(_LETTERS.values()))
            text = text.str.normalize("NFKD").str.replace_all(r"([\p{Latin}\p{Greek}])[\x{300}-\x{36f}]+", "$1").str.normalize("NFC")
        text = text.str.replace_all(r"(\d),(\d{3})\b", "$1$2")
        text = text.str.replace_all(r"(\p{L})'(\p{L})", "$1 $2" if elides(self.languages) else "$1$2")
        # As Lucene's GermanNormalizationFilter: no `e` after a, o and u, unless they follow a vowel or q.
        return text.str.replace_all(r"(^|[^aeiouq])([aou])e", "$1$2") if "german" in self.languages else text

    def words(self, texts: pl.Series) -> Words:
        """Cut texts into folded words.

        Shapes:
            - texts: String [n]
        """
        if len(texts) < _MANY:
            folded = texts.to_frame("text").lazy().select(word=self._folded(plain=False))
        else:
            folded = self.fold(texts).to_frame("word").lazy()
        listed = folded.select(pl.col("word").str.extract_all(_TOKEN)).with_row_index("text")
        found = listed.explode("word", empty_as_null=False).drop_nulls("word").collect()
        found = found.with_columns(place=np.arange(found.height) - np.searchsorted(found["text"], found["text"]))
        unspaced = is_unspaced(found["word"])
        if unspaced.any():
            runs = found.filter(unspaced)
            parts = [found.filter(~unspaced), _grams(runs)]
            if self.segment:
                parts.append(_segments(runs))
            found = pl.concat([part.select("text", "place", "word") for part in parts]).unique(maintain_order=True)
            found = found.sort("text", "place", maintain_order=True)
        return Words(found["text"].cast(pl.Int64).to_numpy(), found["place"].cast(pl.Int64).to_numpy(), found["word"])

    def stems_of(self, words: pl.Series) -> pl.DataFrame:
        """Return the stems of distinct folded words: columns `word` and `stem`, several rows for a word that languages stem differently."""
        listed = words.to_list()
        tables = [pl.DataFrame({"word": words, "stem": pl.Series(stems, dtype=pl.String)}) for stems in stem_words(listed, self.languages)]
        return pl.concat(tables).unique(maintain_order=True)

    def stems(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the stems of each text, in their order; of several languages, those of the first.

        Example:
            >>> Analyser().stems(["Frozen Pizzas", "wd-40"])
            [['frozen', 'pizza'], ['wd', '40']]
        """
        if len(texts) < _MANY and all(map(str.isascii, texts)):
            few = [self._words_of_ascii(text) for text in texts]
            ends = list(accumulate(map(len, few), initial=0))
            found = stem_words(list(chain.from_iterable(few)), self.languages)[0]
            return [found[start:end] for start, end in pairwise(ends)]
        words = self.words(pl.Series(texts, dtype=pl.String))
        distinct = words.word.unique(maintain_order=True)
        stem = pl.Series(stem_words(distinct.to_list(), self.languages)[0], dtype=pl.String)
        stemmed = words.word.replace_strict(distinct, stem, return_dtype=pl.String) if len(distinct) else words.word
        lists: list[list[str]] = [[] for _ in texts]
        for text, word in zip(words.text.tolist(), stemmed.to_list(), strict=True):
            lists[text].append(word)
        return lists

    def _words_of_ascii(self, text: str) -> list[str]:
        """Do what `words` does for one text of ASCII alone, hundreds of times as fast."""
        text = re.sub(r"(\d),(\d{3})\b", r"\1\2", text.lower())
        text = re.sub(r"([a-z])'([a-z])", r"\1 \2" if elides(self.languages) else r"\1\2", text)
        text = re.sub(r"(^|[^aeiouq])([aou])e", r"\1\2", text) if "german" in self.languages else text
        return _ASCII_TOKEN.findall(text)


def codes(words: Words) -> Words:
    """Return what a number and a short word beside it make when written together: wd40 of wd 40, 100ft of 100 ft."""
    table = _table(words)
    number, letters = _is_number("word"), pl.col("word").str.len_chars() <= _LONGEST_CODE
    after = pl.col("word").shift(-1).over("text")
    joined = table.with_columns(after=after).with_columns(after_number=_is_number("after"))
    fits = (number & ~pl.col("after_number") & (pl.col("after").str.len_chars() <= _LONGEST_CODE)) | (
        ~number & letters & pl.col("after_number")
    )
    return _from_table(joined.filter(fits.fill_null(False)).with_columns(word=pl.col("word") + pl.col("after")))


def hyphened(analyser: Analyser, texts: pl.Series) -> Words:
    """Return words with hyphens written together: tshirt of t-shirt. Their place is 0."""
    found = analyser.fold(texts).str.extract_all(_HYPHENED).to_frame("word").with_row_index("text").explode("word", empty_as_null=False)
    found = found.drop_nulls("word").with_columns(pl.col("word").str.replace_all("-", "", literal=True), place=pl.lit(0))
    return _from_table(found)


def is_unspaced(words: pl.Series) -> pl.Series:
    """Say of each word whether its script has no spaces."""
    return words.str.contains(rf"^[{_UNSPACED}]")


def _is_number(column: str) -> pl.Expr:
    return pl.col(column).str.contains(r"^\d")


def _table(words: Words) -> pl.DataFrame:
    return pl.DataFrame({"text": words.text, "place": words.place, "word": words.word})


def _from_table(table: pl.DataFrame) -> Words:
    return Words(table["text"].cast(pl.Int64).to_numpy(), table["place"].cast(pl.Int64).to_numpy(), table["word"])


def _grams(runs: pl.DataFrame) -> pl.DataFrame:
    """Return pairs of neighbouring characters of runs; of a run of one character, that."""
    character = runs.with_columns(word=pl.col("word").str.extract_all(r".\p{M}*")).explode("word")
    run = ["text", "place"]
    paired = character.with_columns(after=pl.col("word").shift(-1).over(run), alone=pl.len().over(run) == 1)
    return paired.filter(pl.col("after").is_not_null() | pl.col("alone")).with_columns(word=pl.col("word") + pl.col("after").fill_null(""))


def single_characters(words: Words) -> Words:
    """Return the characters of the pairs of characters, so that a query of one character finds something."""
    table = _table(words).filter(pl.col("word").str.contains(rf"^[{_UNSPACED}]"))
    table = table.with_columns(word=pl.col("word").str.extract_all(r".\p{M}*")).explode("word")
    return _from_table(table.unique(maintain_order=True))


def _segments(runs: pl.DataFrame) -> pl.DataFrame:
    distinct = runs["word"].unique(maintain_order=True)
    cut = _segmenter()
    lists = pl.Series([[word for word in cut(run) if len(word) > 1] for run in distinct.to_list()], dtype=pl.List(pl.String))
    named = pl.DataFrame({"run": distinct, "word": lists})
    return runs.rename({"word": "run"}).join(named, on="run", how="left", maintain_order="left").explode("word").drop_nulls("word")


def _segmenter() -> Callable[[str], list[str]]:
    try:
        cut: Callable[[str], list[str]] = import_module("rjieba").cut_for_search
    except ModuleNotFoundError:
        raise MissingExtraError(
            "'segmentation: words' needs rjieba, which is not installed; run: pip install 'gnn-search[chinese]', or leave the key away"
        ) from None
    return cut


def distinct_words(*parts: Words) -> pl.Series:
    """Return the distinct words of several, sorted."""
    return pl.concat([part.word for part in parts]).unique().sort()


def concat_words(*parts: Words) -> Words:
    """Return words one after the other, in no order of texts."""
    return Words(
        np.concatenate([part.text for part in parts]),
        np.concatenate([part.place for part in parts]),
        pl.concat([part.word for part in parts]),
    )
