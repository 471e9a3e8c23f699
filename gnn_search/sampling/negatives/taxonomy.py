"""Hard negatives by a path over the category tree: up from the positive, and down again by another branch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float64, Int32, Int64
from gnn_search.graph.taxonomy import Taxonomy
from gnn_search.sampling.negatives.base import UNIFORM, OwnNegatives, Positives, Tally
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.random_source import RandomSource

Interval = tuple[Int64, Int64]


class TaxonomyNegatives:
    """Draw, for each example, products from near branches of the taxonomy (TB-HNS, arXiv 2511.00694, with further levels).

    From the positive's category climb k levels, k drawn from `levels` (0 = the same category, 1 = siblings, 2 = cousins, …), then go down
    outside the branch just left, to a product in proportion to (interactions + 1) ** alpha (alpha 0 = evenly). Products lie in Euler-tour
    order, so drawing one costs a single random number. Where a level has no other product the draw climbs further, and past the top it is
    uniform; both are counted.

    `levels` are the weights at the end of the run; with `start_levels` those of a draw move linearly from these to them: a curriculum.

    Shapes:
        - popularity: int64 [products], interactions of each in training
    """

    name = "taxonomy"

    def __init__(
        self,
        taxonomy: Taxonomy,
        levels: tuple[float, ...],
        count: int,
        popularity: Int64,
        alpha: float,
        known: KnownPositives,
        random: RandomSource,
        start_levels: tuple[float, ...] | None = None,
    ) -> None:
        self._taxonomy, self._count, self._known, self._random = taxonomy, count, known, random
        self._levels, self._start_levels, self._alpha = levels, start_levels, alpha
        self._ancestors = taxonomy.ancestors()
        weight = (np.asarray(popularity, dtype=np.float64)[taxonomy.product_order] + 1) ** alpha
        self._place = np.full(len(taxonomy.product_category), -1, dtype=np.int64)
        self._place[taxonomy.product_order] = np.arange(len(taxonomy.product_order))
        self._mass = np.concatenate([[0.0], np.cumsum(weight)])
        self.tally = Tally()

    def draw(self, batch: Positives, epoch: int, progress: float = 1.0) -> OwnNegatives:
        with self.tally.drawing():
            uniform = self._random.uniform(self.name, epoch, batch.example, 2 * self._count)
            bounds = np.cumsum(self.levels_at(progress))
            wanted = np.searchsorted(bounds / bounds[-1], uniform[:, : self._count], side="right").astype(np.int32)
            product, level = self.draw_at(batch.product, wanted, uniform[:, self._count :])
            valid = (product != batch.product[:, None]) & ~self._known.contains(batch.user, batch.query, product)
        self.tally.count(
            product.size,
            int(np.count_nonzero(~valid)),
            climbed_further=int(np.count_nonzero(level > wanted)),
            uniform=int(np.count_nonzero(level == UNIFORM)),
        )
        return OwnNegatives(product, valid, level)

    def levels_at(self, progress: float) -> Float64:
        """Return the weight of each level at a point of the run, float64 [levels]."""
        if self._start_levels is None:
            return np.asarray(self._levels, dtype=np.float64)
        shares = np.zeros((2, max(len(self._start_levels), len(self._levels))))
        for row, levels in enumerate((self._start_levels, self._levels)):
            shares[row, : len(levels)] = np.asarray(levels) / np.sum(levels)
        return np.asarray((1 - progress) * shares[0] + progress * shares[1])

    def draw_at(self, positive: Int32, level: Int32, uniform: Float64) -> tuple[Int32, Int32]:
        """Draw products for each positive, climbing the wanted number of levels.

        Shapes:
            - positive: int32 [n]
            - level: int32 [n, k]
            - uniform: float64 [n, k] in [0, 1)
            - Returns the products and the levels really climbed, int32 [n, k]
        """
        if not len(self._taxonomy.product_order):
            return (uniform * len(self._taxonomy.product_category)).astype(np.int32), np.full(level.shape, UNIFORM, dtype=np.int32)
        category = np.broadcast_to(self._taxonomy.product_category[positive][:, None], level.shape)
        climbed = np.array(level, dtype=np.int32)
        outer, inner = self._outer(category, climbed), self._inner(positive, category, climbed)
        for _ in range(self._ancestors.shape[1] + 1):
            stuck = (_size(outer) <= _size(inner)) & (climbed <= self._depth(category))
            if not stuck.any():
                break
            climbed = climbed + stuck.astype(np.int32)
            outer, inner = self._outer(category, climbed), self._inner(positive, category, climbed)
        lost = (_size(outer) <= _size(inner)) | (category < 0)
        product = self._pick(outer, inner, uniform)
        everywhere = (uniform * len(self._taxonomy.product_category)).astype(np.int32)
        return np.where(lost, everywhere, product).astype(np.int32), np.where(lost, UNIFORM, climbed).astype(np.int32)

    def describe(self) -> dict[str, Any]:
        settings = {
            "source": "near branches of the taxonomy",
            "levels": list(self._levels),
            "start_levels": None if self._start_levels is None else list(self._start_levels),
            "count": self._count,
            "alpha": self._alpha,
            "mask": self._known.rule,
            "seed": self._random.seed,
        }
        return {"kind": self.name, **settings, **self.tally.describe()}

    def _depth(self, category: Int32) -> Int32:
        return np.where(category >= 0, self._taxonomy.depth[np.maximum(category, 0)], -1)

    def _outer(self, category: Int32, level: Int32) -> Interval:
        """Return the products under the ancestor `level` steps up; above the top, all of them."""
        inside = level <= self._depth(category)
        ancestor = self._ancestors[np.maximum(category, 0), np.where(inside, level, 0)]
        start = np.where(inside, self._taxonomy.product_start[ancestor], 0)
        end = np.where(inside, self._taxonomy.product_end[ancestor], len(self._taxonomy.product_order))
        return start, end

    def _inner(self, positive: Int32, category: Int32, level: Int32) -> Interval:
        """Return what a draw must not come back to: the branch it left, or on level 0 the positive itself."""
        itself = np.broadcast_to(self._place[positive][:, None], level.shape)
        branch_start, branch_end = self._outer(category, np.maximum(level - 1, 0))
        return np.where(level == 0, itself, branch_start), np.where(level == 0, itself + 1, branch_end)

    def _pick(self, outer: Interval, inner: Interval, uniform: Float64) -> npt.NDArray[np.int32]:
        """Draw by mass from the outer interval minus the inner one."""
        before, hole = self._mass[outer[0]], self._mass[inner[1]] - self._mass[inner[0]]
        target = uniform * (self._mass[outer[1]] - before - hole)
        # The clip, and the comparisons of whole numbers, keep rounding from ever landing in the hole.
        past_hole = ((target >= self._mass[inner[0]] - before) & (inner[1] < outer[1])) | (inner[0] == outer[0])
        target = target + before + np.where(past_hole, hole, 0.0)
        position = np.searchsorted(self._mass, target, side="right") - 1
        position = np.clip(position, np.where(past_hole, inner[1], outer[0]), np.where(past_hole, outer[1], inner[0]) - 1)
        return np.asarray(self._taxonomy.product_order[np.clip(position, 0, len(self._taxonomy.product_order) - 1)])


def _size(interval: Interval) -> Int64:
    return np.asarray(interval[1] - interval[0])
