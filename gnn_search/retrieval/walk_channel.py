"""Rank by what walks reach, alone or together with the nearest vectors."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import numpy.typing as npt
import torch

from gnn_search.graph.csr import Int32, Int64
from gnn_search.index.flat import FlatIndex
from gnn_search.model.store import Model
from gnn_search.model.walk_scorer import WalkScorer
from gnn_search.retrieval.allowed import search_allowed
from gnn_search.retrieval.encoded_channel import EncodedChannel
from gnn_search.retrieval.ranking import PADDING, Ranking
from gnn_search.retrieval.vector_channel import Asked, VectorChannel
from gnn_search.sampling.walk.features import walk_features
from gnn_search.sampling.walk.index import Matched, Reached, WalkIndex, match_words

Float64 = npt.NDArray[np.float64]

_BLOCK = 128
_SPARE = 100
"""Nearest products beyond k that are fetched at first."""
_GROWTH = 4
_PLACES = 1 << 22
"""Most places of lists that are filled at a time."""


class WalkChannel(EncodedChannel):
    """Scores the products that walks reach, and the nearest by vector, by the walk term, the others by their vectors.

    Exact: a product beyond those fetched from the index scores at most what the last one fetched does, so a list is deepened until that
    can no longer enter it.

    Args:
        model: A model with a walk term.
        vectors: Its vectors as of the moment.
        walks: The ways to products, as of the same moment.
        alone: Leave the vectors out; the lists then hold reached products only.
        name: What reports call it.
    """

    index: FlatIndex

    def __init__(self, model: Model, vectors: VectorChannel, walks: WalkIndex, *, alone: bool = False, name: str = "full") -> None:
        assert model.walk is not None
        assert isinstance(vectors.index, FlatIndex)  # An approximate one can't tell what a product left out may score.
        super().__init__(vectors, name)
        self._alone, self.walks = alone, walks
        self._words = model.words
        # In float64 a score does not depend on which other rows a matrix product holds, to the digits that are kept.
        self._scorer: WalkScorer = deepcopy(model.walk).double()

    def describe(self, asked: Asked) -> tuple[Reached, torch.Tensor]:
        """Return the products that are described for some requests, and the numbers that the walk term sees of each.

        Shapes:
            Returns float64 [pairs, features], columns as in `feature_names`.
        """
        nearest = 0 if self._alone else min(self.walks.settings.nearest, self.index.count)
        near = self.index.search(asked.vector.numpy(), nearest)[1] if nearest else np.empty((len(asked.user), 0), np.int32)
        return self._describe(asked, match_words(self._words.match(asked.texts, asked.nodes), asked.text), near, self._walks_of(asked))

    def _walks_of(self, asked: Asked) -> WalkIndex:
        guests = asked.guests
        return self.walks if guests is None else self.walks.for_shoppers(guests.graph, guests.history)

    @torch.no_grad()
    def search(self, asked: Asked, k: int, allowed: Int32 | None = None) -> Ranking:
        """Rank for encoded requests, as `VectorChannel.search` does; what is not allowed still counts in what is said of the others."""
        self.index.check_k(k)
        walks = self._walks_of(asked)
        # Each request once, by shopper, so that a shopper's requests share the walk to partners.
        key = asked.user.astype(np.int64) * (len(asked.texts) + 1) + asked.text
        order, row = np.unique(key, return_index=True, return_inverse=True)[1:]
        product = np.full((len(order), k), PADDING, dtype=np.int32)
        score = np.full((len(order), k), -np.inf, dtype=np.float32)
        if allowed is not None and not len(allowed):
            return Ranking(product[row], score[row])
        matches = self._words.match(asked.texts, asked.nodes)
        size = max(1, min(_BLOCK, _PLACES // (k + _SPARE)))
        for start in range(0, len(order), size):
            block = order[start : start + size]
            part = asked.of(block)
            matched = match_words(matches, part.text)
            product[start : start + size], score[start : start + size] = self._rank(part, matched, k, walks, allowed)
        return Ranking(product[row], score[row])

    def _rank(
        self, asked: Asked, matched: Matched, k: int, walks: WalkIndex, allowed: Int32 | None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        vector, nearest = asked.vector.numpy(), 0 if self._alone else min(walks.settings.nearest, self.index.count)
        depth = min(max(nearest, k + _SPARE), self.index.count)
        near = None if self._alone else search_allowed(self.index, vector, depth, allowed)
        if near is None or not nearest:
            described = np.empty((len(vector), 0), np.int32)
        else:
            described = near[1][:, :nearest] if allowed is None else self.index.search(vector, nearest)[1]
        reached, features = self._describe(asked, matched, described, walks)
        if allowed is not None:
            kept = np.flatnonzero(np.isin(reached.product, allowed))
            reached, features = reached.of(kept), features[torch.from_numpy(kept)]
        if near is None:
            return _best(len(asked.user), k, reached.row, reached.product, self._scorer.score_walk(features).numpy())
        similarity = self.index.similarity(vector, reached.row, reached.product)
        score = self._scorer.score_reached(features, torch.from_numpy(similarity)).numpy()
        return self._merge(vector, reached, score, near, k, allowed)

    def _describe(self, asked: Asked, matched: Matched, near: Int32, walks: WalkIndex) -> tuple[Reached, torch.Tensor]:
        reached = walks.reach(asked.user, asked.query, asked.recalling, matched, near)
        return reached, torch.from_numpy(walk_features(walks, asked.user, asked.query, asked.recalling, reached)).double()

    def _merge(
        self,
        vector: npt.NDArray[np.float32],
        reached: Reached,
        score: Float64,
        nearest: tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]],
        k: int,
        allowed: Int32 | None,
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        whole = self.index.count if allowed is None else len(allowed)
        product = np.full((len(vector), k), PADDING, dtype=np.int32)
        best = np.full((len(vector), k), -np.inf, dtype=np.float32)
        key = reached.row * self.index.count + reached.product
        open_rows = np.arange(len(vector))
        similarity, near = nearest
        while True:
            depth = near.shape[1]
            elsewhere = self._scorer.score_elsewhere(torch.from_numpy(similarity.astype(np.float64))).numpy()
            new = ~_contains(key, open_rows[:, None] * self.index.count + near)
            place = np.full(len(vector), -1)
            place[open_rows] = np.arange(len(open_rows))
            mine = place[reached.row] >= 0
            row = np.concatenate([place[reached.row[mine]], np.nonzero(new)[0]])
            products = np.concatenate([reached.product[mine], near[new]])
            product[open_rows], best[open_rows] = _best(len(open_rows), k, row, products, np.concatenate([score[mine], elsewhere[new]]))
            worst, last = best[open_rows, -1], elsewhere[:, -1].astype(np.float32)
            # With a zero vector all products elsewhere score alike, the fetched ones first by number.
            alike = ~vector[open_rows].any(axis=1) & (worst == last) & (product[open_rows, -1] <= near[:, -1])
            settled = (worst > last) | alike | (depth == whole)
            open_rows = open_rows[~settled]
            if not len(open_rows):
                return product, best
            similarity, near = search_allowed(self.index, vector[open_rows], min(depth * _GROWTH, whole), allowed)


def _best(rows: int, k: int, row: Int64, product: Int32, score: Float64) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Take the k best of each row, equal scores by product number.

    Shapes:
        row: int64 [n]; product: int32 [n]; score: float64 [n]. Returns [rows, k] each.
    """
    kept = score.astype(np.float32)
    order = np.lexsort((product, -kept, row))
    starts = np.searchsorted(row[order], np.arange(rows))
    rank = np.arange(len(order)) - starts[row[order]]
    order, rank = order[rank < k], rank[rank < k]
    products = np.full((rows, k), PADDING, dtype=np.int32)
    scores = np.full((rows, k), -np.inf, dtype=np.float32)
    products[row[order], rank] = product[order]
    scores[row[order], rank] = kept[order]
    return products, scores


def _contains(keys: Int64, wanted: Int64) -> npt.NDArray[np.bool_]:
    """Say which wanted keys are among ascending ones; any shape of `wanted`."""
    if not len(keys):
        return np.zeros(wanted.shape, dtype=np.bool_)
    return np.asarray(keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted)
