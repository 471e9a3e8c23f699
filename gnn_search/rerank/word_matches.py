"""The products that a query's words match best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gnn_search.arrays import Float32, Int32, Int64, open_array
from gnn_search.errors import ArtefactError
from gnn_search.graph.store import Graph
from gnn_search.layout import staged

if TYPE_CHECKING:
    from gnn_search.graph.lexical.index import LexicalIndex


WORD_NUMBERS = (
    "words: BM25",
    "words: share of the best match",
    "words: share covered exactly",
    "words: share covered by stem",
    "words: share covered in some form",
)
"""What is said of a request and a product that its words match."""
_KEPT = len(WORD_NUMBERS) - 1
_ARRAYS: dict[str, tuple[type, tuple[int | None, ...]]] = {
    "indptr": (np.int64, (None,)),
    "product": (np.int32, (None,)),
    "score": (np.float32, (None, _KEPT)),
}


@dataclass(frozen=True)
class WordMatches:
    """Products that the words of some texts match, best first: of text t those from place `starts[t]` to `ends[t]`.

    Shapes:
        - starts, ends: int64 [texts]
        - product: int32 [matches]
        - score: float32 [matches, 4], BM25's, and the shares of `LexicalIndex.cover`
    """

    starts: Int64
    ends: Int64
    product: Int32
    score: Float32

    @classmethod
    def none(cls, texts: int) -> WordMatches:
        """Return the matches of so many texts that match nothing."""
        nowhere = np.zeros(texts, dtype=np.int64)
        return cls(nowhere, nowhere, np.empty(0, dtype=np.int32), np.empty((0, _KEPT), dtype=np.float32))

    def take(self, text: Int64) -> WordMatches:
        """Return the matches of some of the texts, int64 [n]; nothing is copied."""
        return WordMatches(self.starts[text], self.ends[text], self.product, self.score)


class WordMatcher:
    """Finds the products that the words of texts match.

    Texts have no time, so what the graph's queries match can be kept; the index is made when a text is searched that was not kept.

    Args:
        graph: The shop.
        most: Most products a text, 0 for none.
        kept: What the graph's queries match, by node.
    """

    def __init__(self, graph: Graph, most: int, kept: WordMatches | None = None) -> None:
        self._graph, self._most, self._kept = graph, most, kept

    @cached_property
    def index(self) -> LexicalIndex:
        """The index of the catalogue's words."""
        # Loading the library takes longer than a search that needs no index.
        from gnn_search.graph.lexical.index import LexicalIndex

        return LexicalIndex(self._graph)

    def match(self, texts: Sequence[str], query: Int32) -> WordMatches:
        """Return the best products of each text.

        Shapes:
            - texts: [n], normalised
            - query: int32 [n], their nodes, -1 for a text that is none
        """
        if not self._most or not len(texts):
            return WordMatches.none(len(texts))
        if self._kept is not None and (query >= 0).all():
            return self._kept.take(query.astype(np.int64))
        column = pl.Series(texts, dtype=pl.String)
        found = self.index.search(column, self._most)
        text = np.repeat(np.arange(len(column)), np.diff(found.indptr))
        cover = self.index.cover(column, text, found.product)
        return WordMatches(found.indptr[:-1], found.indptr[1:], found.product, np.column_stack([found.score, cover]))

    def match_queries(self) -> WordMatches:
        """Return what the graph's queries match, by node."""
        queries = self._graph.nodes("query")["query"]
        return self.match(queries.to_list(), np.arange(len(queries), dtype=np.int32))


def save_matches(matches: WordMatches, folder: Path) -> None:
    """Write matches, which lie text by text, into a folder, whole or not at all."""
    with staged(folder, replace=True) as partial:
        partial.mkdir()
        for name, values in (("indptr", np.r_[0, matches.ends]), ("product", matches.product), ("score", matches.score)):
            np.save(partial / f"{name}.npy", values)


def open_matches(folder: Path, texts: int) -> WordMatches | None:
    """Open the stored matches of so many texts memory-mapped; None where none are stored.

    Raises:
        ArtefactError: They are damaged or of other texts.
    """
    if not folder.is_dir():
        return None
    again = f"remove {folder}, and it is made anew"
    indptr, product, score = (open_array(folder / f"{name}.npy", again, dtype, shape) for name, (dtype, shape) in _ARRAYS.items())
    if len(indptr) != texts + 1 or not len(product) == len(score) == indptr[-1]:
        raise ArtefactError(
            f"{folder} is damaged: expected the matches of {texts} queries, got {len(indptr) - 1}; remove it, and it is made anew"
        )
    return WordMatches(indptr[:-1], indptr[1:], product, score)
