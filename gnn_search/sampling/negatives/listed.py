"""Hard negatives from a list of products that each query has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import PADDING, Int32
from gnn_search.errors import RequestError
from gnn_search.sampling.negatives.base import UNIFORM, OwnNegatives, Positives, Tally
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.random_source import RandomSource


class ListedNegatives:
    """Draw, for each example, evenly from places `skip` to `depth` of its query's list.

    A query whose list ends before `skip` gets products of the whole catalogue, evenly, which is counted.

    `name` is `dynamic`, `bm25` or `low_grade`, and `source` says in the results what the lists hold.
    """

    def __init__(
        self, name: str, source: str, count: int, depth: int, skip: int, num_products: int, known: KnownPositives, random: RandomSource
    ) -> None:
        self.name, self.depth, self.known = name, depth, known
        self._source, self._count, self._skip, self._num_products, self._random = source, count, skip, num_products, random
        self._lists: Int32 | None = None
        self._sizes: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.tally = Tally()

    @property
    def lists(self) -> Int32:
        """Each query's products, best first, padded at the end: int32 [queries, places].

        Raises:
            RequestError: None were given yet.
        """
        if self._lists is None:
            raise RequestError(f"the negatives {self.name} have no lists yet; give them with use_lists before the first batch")
        return self._lists

    def use_lists(self, lists: Int32) -> None:
        """Draw from these lists from now on.

        Shapes:
            - lists: int32 [queries, places], row i of query i, PADDING after a list's last product
        """
        self._lists = lists
        self._sizes = np.count_nonzero(lists != PADDING, axis=1)

    def draw(self, batch: Positives, epoch: int, progress: float = 1.0) -> OwnNegatives:
        lists = self.lists
        with self.tally.drawing():
            uniform = self._random.uniform(self.name, epoch, batch.example, self._count)
            left = np.maximum(self._sizes[batch.query] - self._skip, 0)[:, None]
            place = self._skip + (uniform * left).astype(np.int64)
            empty = np.broadcast_to(left == 0, place.shape)
            listed = lists[batch.query[:, None], np.where(empty, 0, place)]
            product = np.where(empty, (uniform * self._num_products).astype(np.int32), listed)
            valid = (product != batch.product[:, None]) & ~self.known.contains(batch.user, batch.query, product)
        self.tally.count(product.size, int(np.count_nonzero(~valid)), uniform=int(np.count_nonzero(empty)))
        return OwnNegatives(product.astype(np.int32), valid, np.where(empty, UNIFORM, place).astype(np.int32))

    def describe(self) -> dict[str, Any]:
        settings = {"source": self._source, "count": self._count, "depth": self.depth, "skip": self._skip}
        return {"kind": self.name, **settings, "mask": self.known.rule, "seed": self._random.seed, **self.tally.describe()}
