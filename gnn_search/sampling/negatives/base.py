"""What every negative sampler takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gnn_search.graph.csr import Int32, Int64

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Positives:
    """The examples of a batch.

    Shapes:
        example: int64 [n], numbers of the training examples; user (-1 anonymous), query, product: int32 [n].
    """

    example: Int64
    user: Int32
    query: Int32
    product: Int32


@dataclass(frozen=True)
class OwnNegatives:
    """Negatives drawn for each example.

    Shapes:
        product: int32 [n, k]; valid: bool [n, k], false for a known positive; level: int32 [n, k], category levels climbed, or -1 for a
        uniform draw.
    """

    product: Int32
    valid: npt.NDArray[np.bool_]
    level: Int32


class SharedNegativeSampler(Protocol):
    """Draws products that stand against every example of the batch."""

    name: str

    def draw(self, batch: Positives, epoch: int, step: int) -> Int32:
        """Return products, int32 [m], repeats allowed."""
        ...

    def log_absence(self, product: Int32, batch_size: int) -> Float64:
        """Return ln P(the draw of a whole batch does not hold the product), float64 [len(product)], for the logQ correction."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what the sampler does and what it has counted."""
        ...


class OwnNegativeSampler(Protocol):
    """Draws products for each example alone."""

    name: str

    def draw(self, batch: Positives, epoch: int) -> OwnNegatives:
        """Return `count` products an example."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what the sampler does and what it has counted."""
        ...
