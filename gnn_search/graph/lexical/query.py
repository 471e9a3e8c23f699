"""From the words of a query to terms of the index, each with what it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from gnn_search.arrays import Float64, Int64
from gnn_search.graph.lexical.analyser import Analyser, Words, is_unspaced
from gnn_search.graph.lexical.compounds import known_end, split_compound
from gnn_search.graph.lexical.languages import joins_words, stem_words, stop_words
from gnn_search.graph.lexical.vocabulary import Vocabulary

EXACT, STEM, OTHER = 0, 1, 2
"""How a term says what a word of the query says: as it is written; by its stem; as something else that may be meant."""
WEIGHTS = {"exact": 0.2, "joined": 0.8, "part": 0.7, "near": 0.8, "containing": 0.5, "synonym": 0.8}
"""What a term counts beside the stem of a word that is written so, which counts 1."""
_SCHEMA = {"word": pl.String, "term": pl.Int64, "weight": pl.Float64, "cover": pl.Float64, "how": pl.Int8}
_ENTRY = np.dtype([("unit", np.int64), ("term", np.int64), ("weight", np.float64), ("cover", np.float64), ("how", np.int8)])
_Entries = np.ndarray
_MOST_READ = 100_000
"""Words whose terms are kept."""
_INSTEAD = {"word": pl.String, "other": pl.String, "weight": pl.Float64, "cover": pl.Float64}
_Instead = tuple[str, str, float, float]
"""A word, one that stands for it, what that counts in the score, and how much of the word it covers."""
_MOST_NEAR = 3
"""Words of the catalogue that stand for one that it lacks."""
_NEAR_SHARE = 0.5
"""What each further one of them counts of the one before it."""


@dataclass(frozen=True)
class QueryTerms:
    """The terms of some texts, ragged by text. A unit is a word of a text.

    Shapes:
        - indptr: int64 [texts + 1]
        - term, unit: int64 [entries], units numbered through all texts
        - weight: float64 [entries], in the score
        - cover: float64 [entries], how much of the unit a product says that has the term
        - how: int8 [entries]: EXACT, STEM or OTHER
        - unit_text: int64 [units]
    """

    indptr: Int64
    term: Int64
    unit: Int64
    weight: Float64
    cover: Float64
    how: np.ndarray
    unit_text: Int64

    @property
    def num_units(self) -> int:
        return len(self.unit_text)

    def weights(self, num_texts: int, num_terms: int) -> csr_array:
        """Return what each term counts in each text, float32 [texts, terms]; the most, where several words lead to it."""
        text = np.repeat(np.arange(num_texts), np.diff(self.indptr))
        order = np.lexsort((-self.weight, self.term, text))
        text, term, weight = text[order], self.term[order], self.weight[order]
        first = np.r_[True, (np.diff(text) != 0) | (np.diff(term) != 0)][: len(text)]
        indptr = np.cumsum(np.r_[0, np.bincount(text[first], minlength=num_texts)])
        return csr_array((weight[first].astype(np.float32), term[first], indptr), shape=(num_texts, num_terms))

    def unit_rarity(self, rarity: Float64, of_unknown: float) -> Float64:
        """Return how rare each unit is: as its most telling term, or `of_unknown` where the catalogue has none.

        Shapes:
            - rarity: float64 [terms]
            - Returns float64 [units]
        """
        # A word that is spelt as none of the catalogue's is as rare as the word that it seems to be.
        value = np.zeros(self.num_units)
        rank = np.where(self.how == STEM, 2, self.cover)
        best = np.full(self.num_units, -1.0)
        kept = self.how != EXACT
        np.maximum.at(best, self.unit[kept], rank[kept])
        leading = kept & (rank == best[self.unit])
        np.maximum.at(value, self.unit[leading], rarity[self.term[leading]])
        return np.where(best < 0, of_unknown, value)

    def text_total(self, unit_rarity: Float64) -> Float64:
        """Return the rarity of all units of each text together, float64 [texts], above 0."""
        total = np.bincount(self.unit_text, weights=unit_rarity, minlength=len(self.indptr) - 1)
        return np.maximum(total, 1e-9)


class QueryReader:
    """Reads queries as terms of a vocabulary.

    A word counts by its stem and, a little, as it is written. One that the catalogue lacks stands for the words of the catalogue that it
    is made of, that are spelt much the same, or that begin or end with it. Two words that the catalogue writes as one, and synonyms,
    count beside what was typed. Stop words count only where nothing else was typed.

    Args:
        analyser: The one that made the vocabulary.
        vocabulary: The catalogue's words.
        synonyms: Columns `source` and `target`, from `read_synonyms`.
    """

    def __init__(self, analyser: Analyser, vocabulary: Vocabulary, synonyms: pl.DataFrame) -> None:
        self._analyser, self._vocabulary = analyser, vocabulary
        self._linked = joins_words(analyser.languages)
        self._stop_words = stop_words(analyser.languages)
        self._synonyms, self._longest = self._stem_synonyms(synonyms)
        self._read: dict[str, _Entries] = {}

    def read(self, texts: pl.Series) -> QueryTerms:
        """Return the terms of each text.

        Shapes:
            - texts: String [n]
        """
        words = self._without_stop_words(self._analyser.words(texts), len(texts))
        listed = words.word.to_list()
        parts = [self._entries_of(listed, np.arange(len(listed)))]
        beside = np.flatnonzero((np.diff(words.text) == 0) & (np.diff(words.place) == 1))
        joined = [(listed[unit] + listed[unit + 1], unit) for unit in beside.tolist()]
        joined = [(word, unit) for word, unit in joined if word in self._vocabulary.known]
        for ahead in (0, 1):
            found = self._entries_of([word for word, _ in joined], np.asarray([unit + ahead for _, unit in joined], dtype=np.int64))
            found = found[found["how"] == STEM]
            found["weight"], found["cover"], found["how"] = WEIGHTS["joined"], WEIGHTS["joined"], OTHER
            parts.append(found)
        if self._longest:
            parts += self._synonymous(words)
        entries = np.concatenate(parts, dtype=_ENTRY)
        entries = entries[np.lexsort((entries["how"], entries["term"], entries["unit"]))]
        return QueryTerms(
            indptr=np.cumsum(np.r_[0, np.bincount(words.text[entries["unit"]], minlength=len(texts))]),
            term=entries["term"],
            unit=entries["unit"],
            weight=entries["weight"],
            cover=entries["cover"],
            how=entries["how"],
            unit_text=words.text,
        )

    def _without_stop_words(self, words: Words, num_texts: int) -> Words:
        telling = np.fromiter((word not in self._stop_words for word in words.word.to_list()), dtype=bool, count=len(words.text))
        some = np.bincount(words.text[telling], minlength=num_texts) > 0
        kept = telling | ~some[words.text]
        return Words(words.text[kept], words.place[kept], words.word.filter(pl.Series(kept)))

    def _entries_of(self, words: list[str], unit: Int64) -> _Entries:
        """Return the terms of words, which are kept for words that come again."""
        if len(self._read) > _MOST_READ:
            self._read = {}
        read = self._read
        if new := sorted({word for word in words if word not in read}):
            found = self._terms_of(pl.Series(new)).sort("word", maintain_order=True)
            entries = np.zeros(found.height, dtype=_ENTRY)
            for name in ("term", "weight", "cover", "how"):
                entries[name] = found[name].to_numpy()
            bounds = [*found["word"].search_sorted(pl.Series(new), side="left").to_list(), found.height]
            read.update({word: entries[bounds[row] : bounds[row + 1]] for row, word in enumerate(new)})
        parts = [read[word] for word in words]
        entries = np.concatenate([*parts, np.zeros(0, dtype=_ENTRY)], dtype=_ENTRY)
        entries["unit"] = np.repeat(unit, [len(part) for part in parts])
        return entries

    def _terms_of(self, words: pl.Series) -> pl.DataFrame:
        """Return the terms of distinct words."""
        vocabulary, num_stems = self._vocabulary, len(self._vocabulary.stems)
        number = vocabulary.number(words)
        exact = pl.DataFrame({"word": words, "term": num_stems + number}).filter(pl.Series(number >= 0))
        exact = exact.with_columns(weight=pl.lit(WEIGHTS["exact"], dtype=pl.Float64), cover=pl.lit(1.0), how=pl.lit(EXACT))
        stems = self._analyser.stems_of(words)
        stems = stems.with_columns(term=pl.Series(vocabulary.stem_number(stems["stem"]))).filter(pl.col("term") >= 0)
        stems = stems.with_columns(weight=1 / pl.len().over("word"), cover=pl.lit(1.0), how=pl.lit(STEM))
        known = words.is_in(stems["word"].implode())
        others = [row for word in words.filter(~known & ~is_unspaced(words)).to_list() for row in self._instead(word)]
        if self._linked:
            others += [row for word in words.filter(known).to_list() for row in self._parts(word)]
        parts = [exact, stems, self._stems(others)] if others else [exact, stems]
        return pl.concat([part.select([pl.col(name).cast(kind) for name, kind in _SCHEMA.items()]) for part in parts])

    def _instead(self, word: str) -> list[_Instead]:
        """Return what stands for a word that the catalogue lacks."""
        if not word.isalpha():
            return []
        spelling, listed = self._vocabulary.spelling, self._vocabulary.words
        found = self._parts(word)
        near = spelling.near(word, _MOST_NEAR)
        for rank, (other, likeness) in enumerate(zip(listed.gather(near.word).to_list(), near.likeness.tolist(), strict=True)):
            weight = WEIGHTS["near"] * likeness * _NEAR_SHARE**rank
            found.append((word, other, weight, weight))
        if found:
            return found
        longer = spelling.containing(word, _MOST_NEAR)
        shares = list(zip(listed.gather(longer.word).to_list(), longer.likeness.tolist(), strict=True))
        if end := known_end(word, self._vocabulary.known, linked=self._linked):
            shares.append((end, len(end) / len(word)))
        return [(word, other, WEIGHTS["containing"] * share, WEIGHTS["containing"] * share) for other, share in shares]

    def _parts(self, word: str) -> list[_Instead]:
        parts = split_compound(word, self._vocabulary.known, linked=self._linked)
        return [(word, part, WEIGHTS["part"], WEIGHTS["part"] / len(parts)) for part in parts]

    def _stems(self, others: list[_Instead]) -> pl.DataFrame:
        """Return the stems of words that stand for others; of several that have one, the most."""
        table = pl.DataFrame(others, schema=_INSTEAD, orient="row")
        stems = self._analyser.stems_of(table["other"].unique(maintain_order=True)).rename({"word": "other"})
        stems = stems.with_columns(term=pl.Series(self._vocabulary.stem_number(stems["stem"]))).filter(pl.col("term") >= 0)
        table = table.join(stems, on="other", how="inner", maintain_order="left")
        table = table.group_by("word", "term", maintain_order=True).agg(pl.col("weight", "cover").max())
        return table.with_columns(how=pl.lit(OTHER))

    def _stem_synonyms(self, synonyms: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Return each source's stems, joined by spaces, with a term of the target a row; and the most words of a source."""
        sources = pl.Series([" ".join(stems) for stems in self._analyser.stems(synonyms["source"].to_list())], dtype=pl.String)
        targets = pl.Series(self._analyser.stems(synonyms["target"].to_list()), dtype=pl.List(pl.String))
        table = pl.DataFrame({"source": sources, "target": targets}).filter((pl.col("source") != "") & (pl.col("target").list.len() > 0))
        table = table.with_columns(weight=WEIGHTS["synonym"] / pl.col("target").list.len()).explode("target")
        table = table.with_columns(term=pl.Series(self._vocabulary.stem_number(table["target"]))).filter(pl.col("term") >= 0)
        table = table.group_by("source", "term", maintain_order=True).agg(pl.col("weight").max())
        return table, max((len(source.split()) for source in table["source"].to_list()), default=0)

    def _synonymous(self, words: Words) -> list[_Entries]:
        """Return the terms of the synonyms of the words, and of each few words one after the other, for all of them."""
        stems = stem_words(words.word.to_list(), self._analyser.languages)[0]
        table = pl.DataFrame({"text": words.text, "stem": pl.Series(stems, dtype=pl.String)}).with_row_index("unit")
        found = []
        for size in range(1, self._longest + 1):
            spans = [pl.col("stem").shift(-ahead).over("text") for ahead in range(size)]
            source = table.with_columns(source=pl.concat_str(spans, separator=" ")).drop_nulls("source")
            matched = source.join(self._synonyms, on="source", how="inner", maintain_order="left_right")
            for ahead in range(size):
                entries = np.zeros(matched.height, dtype=_ENTRY)
                entries["unit"], entries["term"] = matched["unit"].to_numpy() + ahead, matched["term"].to_numpy()
                entries["weight"] = entries["cover"] = matched["weight"].to_numpy()
                entries["how"] = OTHER
                found.append(entries)
        return found
