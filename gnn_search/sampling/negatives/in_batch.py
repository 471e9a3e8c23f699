"""The other examples' positives."""

from __future__ import annotations

from typing import Any

import numpy as np

from gnn_search.arrays import Float64, Int32
from gnn_search.sampling.negatives.base import Positives, Tally


class InBatchNegatives:
    """Every positive of the batch stands against every other example.

    A product comes up as often as it is a positive, which the logQ correction undoes (Yi et al., "Sampling-bias-corrected neural modeling
    for large corpus item recommendations", RecSys 2019).
    """

    name = "in_batch"

    def __init__(self, product: Int32, num_products: int) -> None:
        self.tally = Tally()
        self._share = np.bincount(product, minlength=num_products) / max(len(product), 1)

    def draw(self, batch: Positives, epoch: int, step: int) -> Int32:
        return batch.product

    def log_absence(self, product: Int32, batch_size: int) -> Float64:
        """Return n ln(1 - share of the product among the examples)."""
        return np.asarray(batch_size * np.log1p(-np.minimum(self._share[product], 1 - 1e-9)))

    def describe(self) -> dict[str, Any]:
        return {"kind": self.name, "source": "the positives of the batch's other examples", **self.tally.describe()}
