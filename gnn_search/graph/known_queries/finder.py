"""Find the known queries that are most like a text: by spelling, by stems, by meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock

import numpy as np
import polars as pl
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from gnn_search.arrays import Float32, Int32, Int64, sorted_unique
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.graph.known_queries.nearest import NearestVectors
from gnn_search.graph.known_queries.stem_lists import StemLists
from gnn_search.graph.known_queries.weights import LenderWeights
from gnn_search.graph.lexical.analyser import Analyser
from gnn_search.graph.store import GraphView

_BY_STEMS, _BY_MEANING = 32, 16
"""Known queries a text that are looked at closely, found by stems and by meaning."""
_POSTINGS = 1024
"""Queries of a stem that are looked at, those with the fewest other words first."""
_LEAST_WEIGHT = 0.02
_BLOCK = 512
"""Texts answered at a time."""
_LONGEST = 200
"""Characters of a text whose spelling counts."""


class KnownQueries:
    """The queries with an interaction before a view's time, and which of them any text is most like.

    Candidates are queries that share stems with the text, a misspelt word being read as the known words nearest to it and two words
    written together or apart as the same; and the nearest by the text tower's vectors. Of these the likeness is computed exactly: by
    spelling, 1 less the edit distance (optimal string alignment) a character of the longer, in the order of the words or sorted; by stems,
    see `StemLists.likeness`; by meaning, the cosine. The index is made when a first text is looked for; several threads may use it at once.

    Args:
        view: What is known.
        encode: Returns the unit vectors of nodes' texts, int32 [n] -> float32 [n, d].
        weights: How much a lender counts by its likeness.
        most: Lenders of a text.
    """

    def __init__(
        self,
        view: GraphView,
        encode: Callable[[Int32], Float32],
        weights: LenderWeights | None = None,
        *,
        most: int = 8,
    ) -> None:
        self.weights = LenderWeights() if weights is None else weights
        self._most, self._encode, self._lock = most, encode, Lock()
        self._graph, self._all = view.graph, view.graph.nodes("query")["query"]
        self.node = np.flatnonzero(view.edges(("product", "rev_leads_to", "query")).degree() > 0).astype(np.int32)

    def with_weights(self, weights: LenderWeights) -> KnownQueries:
        """Return the same index with other weights."""
        other = KnownQueries.__new__(KnownQueries)
        other.__dict__.update(self.__dict__)
        other._lock, other.weights = Lock(), weights
        return other

    @cached_property
    def stem_lists(self) -> StemLists:
        """The queries as bags of stems."""
        return StemLists(self._texts, Analyser.of(self._graph).stems, _POSTINGS)

    @cached_property
    def _texts(self) -> pl.Series:
        return self._all.gather(self.node)

    @cached_property
    def _nearest(self) -> NearestVectors:
        return NearestVectors(self._encode(self.node))

    def warm_up(self) -> None:
        """Make the index."""
        with self._lock:
            self.stem_lists, self._nearest  # noqa: B018

    def find(self, texts: Sequence[str], vectors: Float32, excluded: Int32 | None = None) -> Lenders:
        """Find the lenders of texts.

        Args:
            texts: Normalised.
            vectors: Of the text tower, of unit length or zero.
            excluded: Of each text a node that lends it nothing, such as its own, -1 for none.

        Shapes:
            - texts: [n]
            - vectors: float32 [n, d]
            - excluded: int32 [n]
        """
        if not len(texts) or not len(self.node):
            return Lenders.nobody(len(texts))
        self.warm_up()
        parts = []
        for start in range(0, len(texts), _BLOCK):
            block = slice(start, start + _BLOCK)
            parts.append(self._find(list(texts[block]), vectors[block], None if excluded is None else excluded[block]))
        return parts[0] if len(parts) == 1 else Lenders.joined(parts)

    def _find(self, texts: list[str], vectors: Float32, excluded: Int32 | None) -> Lenders:
        readings = self.stem_lists.read(texts)
        by_stems, by_meaning = self.stem_lists.sharing(readings, _BY_STEMS), self._nearest.search(vectors, _BY_MEANING)
        key = sorted_unique(np.concatenate([by_stems[0] * len(self.node) + by_stems[1], by_meaning[0] * len(self.node) + by_meaning[1]]))
        text, place = key // len(self.node), key % len(self.node)
        if excluded is not None:
            kept = self.node[place] != excluded[text]
            text, place = text[kept], place[kept]
        likeness = np.stack(
            [
                self._by_spelling(texts, text, place),
                self.stem_lists.likeness(readings, text, place),
                self._nearest.cosine(vectors, text, place),
            ],
            axis=1,
        )
        weight = self.weights.weigh(likeness)
        order = np.lexsort((place, -weight, text))
        text, place, weight, likeness = text[order], place[order], weight[order], likeness[order]
        rank = np.arange(len(text)) - np.searchsorted(text, text)
        kept = (rank < self._most) & (weight >= _LEAST_WEIGHT)
        bounds = np.cumsum(np.r_[0, np.bincount(text[kept], minlength=len(texts))])
        return Lenders(bounds, self.node[place[kept]], weight[kept], likeness[kept])

    def _by_spelling(self, texts: list[str], text: Int64, place: Int64) -> Float32:
        theirs = [one[:_LONGEST] for one in self._texts[place].to_list()]
        ours = [one[:_LONGEST] for one in texts]
        in_order = _same_characters([ours[row] for row in text.tolist()], theirs)
        ours = [_in_order(one) for one in ours]
        return np.maximum(in_order, _same_characters([ours[row] for row in text.tolist()], [_in_order(one) for one in theirs]))

    def names(self, lenders: Lenders, least: float) -> list[tuple[str, ...]]:
        """Return, of each text, the lenders whose weight is at least so much."""
        kept = np.flatnonzero(lenders.weight >= least)
        names = self._all.gather(lenders.query[kept]).to_list()
        ends = np.searchsorted(kept, lenders.indptr)
        return [tuple(names[start:end]) for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def _same_characters(ours: list[str], theirs: list[str]) -> Float32:
    return np.asarray(cpdist(ours, theirs, scorer=OSA.normalized_similarity, dtype=np.float32))


def _in_order(text: str) -> str:
    return " ".join(sorted(text.split(" ")))
