"""The inputs of one sequence of choices, and what the towers read of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gnn_search.vectors.onnx.network import Network

_LONG_AGO = 1e30
"""Days; later than every age, so that the youngest of no choices is no choice's."""


class Choices:
    """Distinct products that a shopper chose: their vectors, how often, and how many days ago last. A count of 0 marks an empty slot.

    Adds the inputs NAME_vectors, NAME_counts and NAME_days.

    Args:
        network: To which they are added.
        name: Of the sequence.
        dimension: Of the vectors.

    Shapes:
        vectors: float32 [batch, slots, d]; counts: float32 [batch, slots]; there: bool [batch, slots].
    """

    def __init__(self, network: Network, name: str, dimension: int) -> None:
        self._network = network
        self.vectors = network.input(f"{name}_vectors", "float32", "batch", name, dimension)
        self.counts = network.input(f"{name}_counts", "float32", "batch", name)
        days = network.input(f"{name}_days", "float32", "batch", name)
        self._days = network.op("Max", days, network.constant(0.0))
        self.there = network.op("Greater", self.counts, network.constant(0.0))

    @cached_property
    def log_length(self) -> str:
        """Ln of the number of products, 0 for none: float32 [batch, 1]."""
        network = self._network
        length = network.op("ReduceSum", network.op("Cast", self.there, to=1), network.constant([1]), keepdims=1)
        return network.op("Log", network.op("Max", length, network.constant(1.0)))

    def features(self) -> str:
        """Add ln(times chosen), ln(1 + days since last), share of all choices and ln of the number of products: [batch, slots, 4]."""
        network, one = self._network, self._network.constant(1.0)
        total = network.op("ReduceSum", self.counts, network.constant([1]), keepdims=1)
        length = network.op("Mul", self.log_length, network.op("Cast", self.there, to=1))
        numbers = (
            network.op("Log", network.op("Max", self.counts, one)),
            network.op("Log", network.op("Add", self._days, one)),
            network.op("Div", self.counts, network.op("Max", total, one)),
            length,
        )
        last = network.constant([2])
        return network.op("Concat", *(network.op("Unsqueeze", number, last) for number in numbers), axis=2)

    def importance(self, half_life: float) -> str:
        """Add count * 2 ** (-(days - youngest) / half-life), 0 for an empty slot: [batch, slots]."""
        return self._network.op("Mul", self.counts, add_recency(self._network, self._days, self.there, half_life))


def add_recency(network: Network, days: str, there: str, half_life: float) -> str:
    """Add 2 ** (-(days - youngest of the row) / half-life): [batch, slots].

    Shapes:
        days: float32 [batch, slots]; there: bool [batch, slots].
    """
    aged = network.op("Where", there, days, network.constant(_LONG_AGO))
    youngest = network.op("ReduceMin", aged, network.constant([1]), keepdims=1)
    # Of an empty slot the difference may be below 0, and the power too large for the weight of 0 that follows.
    older = network.op("Max", network.op("Sub", days, youngest), network.constant(0.0))
    return network.op("Exp", network.op("Mul", older, network.constant(float(-np.log(2.0) / half_life))))
