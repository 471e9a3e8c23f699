"""Products drawn evenly from the whole catalogue, once for the whole batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from gnn_search.arrays import Float64, Int32
from gnn_search.sampling.negatives.base import Positives, Tally
from gnn_search.sampling.random_source import RandomSource


class UniformNegatives:
    """Draw `count` products with replacement, each as likely as any other, to stand against every example."""

    name = "uniform"

    def __init__(self, count: int, num_products: int, random: RandomSource) -> None:
        self._count, self._num_products, self._random = count, num_products, random
        self.tally = Tally()

    def draw(self, batch: Positives, epoch: int, step: int) -> Int32:
        uniform = self._random.uniform(self.name, epoch, np.array([step]), self._count)[0]
        return np.asarray(uniform * self._num_products).astype(np.int32)

    def log_absence(self, product: Int32, batch_size: int) -> Float64:
        """Return count * ln(1 - 1 / products)."""
        return np.full(len(product), self._count * np.log1p(-1 / max(self._num_products, 2)))

    def describe(self) -> dict[str, Any]:
        settings = {"source": "products of the whole catalogue, evenly", "count": self._count, "seed": self._random.seed}
        return {"kind": self.name, **settings, **self.tally.describe()}
