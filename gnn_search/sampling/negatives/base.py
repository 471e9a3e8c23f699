"""What every negative sampler takes and gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Float64, Int32, Int64

UNIFORM = -1
"""Stands as the reason of a negative that was drawn from the whole catalogue, because nothing nearer was there."""


@dataclass(frozen=True)
class Positives:
    """The examples of a batch.

    Shapes:
        - example: int64 [n], numbers of the training examples
        - user: int32 [n], -1 for nobody
        - query, product: int32 [n]
    """

    example: Int64
    user: Int32
    query: Int32
    product: Int32

    def take(self, rows: slice) -> Positives:
        """Return some of the examples."""
        return Positives(self.example[rows], self.user[rows], self.query[rows], self.product[rows])


@dataclass(frozen=True)
class OwnNegatives:
    """Negatives drawn for each example.

    Shapes:
        - product: int32 [n, k]
        - valid: bool [n, k], false for a known positive
        - reason: int32 [n, k], the category levels climbed, or the place in the query's list from 0, or UNIFORM
    """

    product: Int32
    valid: npt.NDArray[np.bool_]
    reason: Int32


@dataclass
class Tally:
    """What a sampler has drawn and what it cost, since the process began.

    Attributes:
        draws: Negatives drawn; of a shared pool, a product counts once for each example that it stands against.
        masked: Of these, known positives, which are not taught.
        fallbacks: Of these, drawn in another way than was wanted, by the way.
        drawing_seconds: CPU seconds of drawing and masking.
        index_seconds: CPU seconds of building indices and lists.
    """

    draws: int = 0
    masked: int = 0
    fallbacks: dict[str, int] = field(default_factory=dict)
    drawing_seconds: float = 0.0
    index_seconds: float = 0.0

    def count(self, draws: int, masked: int, **fallbacks: int) -> None:
        """Add what one draw made."""
        self.draws += draws
        self.masked += masked
        for name, times in fallbacks.items():
            self.fallbacks[name] = self.fallbacks.get(name, 0) + times

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Time a draw, by the clock of the thread that draws."""
        before = time.thread_time()
        yield
        self.drawing_seconds += time.thread_time() - before

    def describe(self) -> dict[str, Any]:
        """Return counts, shares, and CPU seconds, also a million negatives."""
        drawn = max(self.draws, 1)
        seconds = self.drawing_seconds + self.index_seconds
        return {
            "draws": self.draws,
            "masked": self.masked,
            "share_masked": round(self.masked / drawn, 6),
            "fallbacks": dict(self.fallbacks),
            "share_fallbacks": round(sum(self.fallbacks.values()) / drawn, 6),
            "drawing_cpu_seconds": round(self.drawing_seconds, 4),
            "index_cpu_seconds": round(self.index_seconds, 4),
            "cpu_seconds_per_million": round(1e6 * seconds / drawn, 4),
        }


class SharedNegativeSampler(Protocol):
    """Draws products that stand against every example of the batch, whose sampler counts and times the draws in `tally`."""

    name: str
    tally: Tally

    def draw(self, batch: Positives, epoch: int, step: int) -> Int32:
        """Return products, int32 [m], repeats allowed."""

    def log_absence(self, product: Int32, batch_size: int) -> Float64:
        """Return ln P(the draw of a whole batch does not hold the product), float64 [len(product)], for the logQ correction.

        It is finite, and below 0 for every product that can be drawn.
        """

    def describe(self) -> dict[str, Any]:
        """Return what the sampler does and what it has counted."""


class OwnNegativeSampler(Protocol):
    """Draws products for each example alone."""

    name: str
    tally: Tally

    def draw(self, batch: Positives, epoch: int, progress: float = 1.0) -> OwnNegatives:
        """Return `count` products an example, at a point of the run from 0 to 1."""

    def describe(self) -> dict[str, Any]:
        """Return what the sampler does and what it has counted."""
