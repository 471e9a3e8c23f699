"""The requests of a period, encoded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.choices import find_choices
from gnn_search.evaluation.metrics.hits import find_places
from gnn_search.graph.cases import Cases, build_cases, take_cases
from gnn_search.index.boosting.boost import Boost
from gnn_search.index.boosting.vectors import boosted_products, boosted_queries
from gnn_search.index.flat import FlatIndex
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.store import Model
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.vectors.shop_vectors import ShopVectors

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Period:
    """Cases with the vectors of their requests, and of all products, as of the period's start.

    Shapes:
        requests: float32 [cases, d]; products: float32 [products, d]; actions: bool [rows] a kind of choice, chosen by it.
    """

    cases: Cases
    requests: Float32
    products: Float32
    actions: Mapping[str, Bool]

    def take(self, rows: NDArray[np.int64]) -> Period:
        """Return the period with some of its cases."""
        kept = np.zeros(len(self.cases), dtype=np.bool_)
        kept[rows] = True
        of_row = kept[self.cases.case_of_row()]
        actions = {action: chosen[of_row] for action, chosen in self.actions.items()}
        return Period(take_cases(self.cases, rows), self.requests[rows], self.products, actions)

    def places(self, index: FlatIndex, requests: Float32, k: int) -> NDArray[np.int32]:
        """Search the whole catalogue and say where the chosen products stand: int32 [rows], from 1, 0 where the list does not hold one."""
        place = np.zeros(len(self.cases.product), dtype=np.int32)
        width = min(k, index.count)
        for start in range(0, len(self.cases), _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(self.cases)), dtype=np.int64)
            row, found = find_places(index.search(requests[block], width)[1], block, self.cases)
            place[row] = found
        return place

    def boosted_places(self, boost: Boost, k: int) -> dict[str, NDArray[np.int32]]:
        """Return the places by the weights of each kind of choice."""
        index = FlatIndex.build(boosted_products(self.products, boost))
        return {action: self.places(index, boosted_queries(self.requests, boost, action), k) for action in boost.weights}


def open_period(model: Model, split: Literal["validation", "test"], limit: int | None, seed: int) -> Period:
    """Encode products and requests as of the start of a period.

    Args:
        model: The model.
        split: The period.
        limit: Most cases; None for all.
        seed: Of the sample.
    """
    cases = build_cases(model.graph, split, limit, seed)
    choices = find_choices(model.graph, cases, split, limit, seed)
    actions = dict(choices.actions) or {model.graph.chosen_actions[0]: np.ones(len(cases.product), dtype=np.bool_)}
    products = NodeEncoder(model.towers, model.inputs, model.graph.before(cases.time)).products.numpy()
    channel = VectorChannel(model, ShopVectors({"product": products}, cases.time))
    requests = np.empty((len(cases), products.shape[1]), dtype=np.float32)
    # Cases of one query together, so that the work of a query is done once.
    order = np.lexsort((cases.user, cases.query))
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        requests[block] = channel.ask(cases.user[block], cases.query[block]).vector.numpy()
    return Period(cases, requests, products, actions)
