"""The hardest products of the pool, by the scores of the model that is being taught."""

from __future__ import annotations

from typing import Any

from gnn_search.arrays import Int32, Int64
from gnn_search.sampling.negatives.base import Positives, Tally
from gnn_search.sampling.negatives.known import KnownPositives


class InBatchHardNegatives:
    """Say which products of the pool may stand against which example; the model itself takes the `count` best scored of them.

    What the selection costs is counted by the training loop, inside whose step it happens.
    """

    name = "in_batch_hard"

    def __init__(self, count: int, known: KnownPositives) -> None:
        self.count, self._known = count, known
        self.tally = Tally()

    def mask(self, batch: Positives, pool: Int32) -> tuple[Int64, Int64]:
        """Return the places (row, column) of the [examples, pool] scores that hold a known positive.

        Shapes:
            - pool: int32 [m], distinct
            - Returns two int64 [places]
        """
        with self.tally.drawing():
            row, column = self._known.among(batch.user, batch.query, pool)
        self.tally.count(len(batch.product) * min(self.count, len(pool)), 0)
        return row, column

    def describe(self) -> dict[str, Any]:
        settings = {"source": "the best scored of the pool", "count": self.count, "mask": self._known.rule}
        return {"kind": self.name, **settings, **self.tally.describe()}
