"""Find the products nearest to each query by the model as it is, for `dynamic` negatives."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gnn_search.arrays import PADDING, Int32, sorted_unique
from gnn_search.config.negatives import Dynamic, Negatives
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.two_tower import TwoTower
from gnn_search.sampling.batches import BatchSampler
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.negatives.listed import ListedNegatives

_BLOCK = 512


@torch.no_grad()
def nearest_lists(encoder: NodeEncoder, query: Int32, depth: int, known: KnownPositives) -> Int32:
    """Return each query's nearest products, the nearest first (ANCE, Xiong et al., arXiv 2007.00808).

    Queries are encoded without a user. What the mask hides from everybody who issues a query is left out of its list; what it hides from
    one user can only be left out of that user's draws.

    Shapes:
        - query: int32 [n], distinct
        - returns: int32 [queries, min(depth, products)], empty lists for queries that were not given
    """
    products = encoder.products
    vectors = encoder.encode_queries(query)
    every = np.arange(len(products), dtype=np.int32)
    places = min(depth, len(products))
    lists = np.full((encoder.view.graph.num_nodes["query"], places), PADDING, dtype=np.int32)
    for start in range(0, len(query), _BLOCK):
        block = query[start : start + _BLOCK]
        scores = vectors[start : start + _BLOCK] @ products.T
        if known.rule == "query":
            row, column = known.among(np.full(len(block), -1, dtype=np.int32), block, every)
            scores[torch.from_numpy(row), torch.from_numpy(column)] = float("-inf")
        best = scores.topk(places, dim=1)
        lists[block] = np.where(torch.isfinite(best.values).numpy(), best.indices.numpy(), PADDING)
    return lists


class Miner:
    """Makes the lists of `dynamic` negatives again and again while a run goes on.

    Step s draws from the lists made before step floor(s / refresh_every) * refresh_every, by the model that the step before that left.
    """

    def __init__(self, towers: TwoTower, batches: BatchSampler, sampler: ListedNegatives, refresh_every: int) -> None:
        self._towers, self._batches, self._sampler, self._every = towers, batches, sampler, refresh_every
        self._query = sorted_unique(batches.examples.query)
        self._made_at = -1

    @classmethod
    def of(cls, towers: TwoTower, batches: BatchSampler, negatives: Sequence[Negatives]) -> Miner | None:
        """Return the miner of a run; None where the settings of its negatives name no `dynamic` ones."""
        sampler = batches.negatives.dynamic
        every = [negative.refresh_every for negative in negatives if isinstance(negative, Dynamic)]
        return None if sampler is None else cls(towers, batches, sampler, every[0])

    def bounds(self, start: int, total_steps: int) -> list[int]:
        """Return the ends of the stretches of steps that draw from one set of lists, from a step on."""
        return [*range((start // self._every + 1) * self._every, total_steps, self._every), total_steps]

    def renew(self, step: int) -> None:
        """Make the lists that a stretch of steps draws from, unless they are there or none of its steps needs them."""
        first = step // self._every * self._every
        total = self._batches.total_steps
        # Weights never fall, so the last step of the stretch needs the lists if any does.
        needed = self._batches.schedule.weights(min(first + self._every, total) - 1)["dynamic"] > 0
        if first != self._made_at and needed:
            # All of the training period, and nothing after it.
            graph = self._batches.graph
            mine(self._sampler, NodeEncoder(self._towers, self._batches.inputs, graph.before(graph.manifest.validation_start)), self._query)
            self._made_at = first

    def tensors(self) -> dict[str, Tensor]:
        """Return the lists as named tensors."""
        return {f"step {self._made_at}": torch.from_numpy(self._sampler.lists[self._query])} if self._made_at >= 0 else {}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `tensors` returned."""
        for name, rows in tensors.items():
            self._made_at = int(name.removeprefix("step "))
            lists = np.full((self._batches.graph.num_nodes["query"], rows.shape[1]), PADDING, dtype=np.int32)
            lists[self._query] = rows.numpy()
            self._sampler.use_lists(lists)


def mine(sampler: ListedNegatives, encoder: NodeEncoder, query: Int32) -> None:
    """Give a sampler new lists, and count what they cost.

    torch spreads its work over its threads, whose time can't be told apart from that of the thread that makes batches; so the CPU seconds
    of the calling thread count once for each of them.
    """
    before = time.thread_time()
    sampler.use_lists(nearest_lists(encoder, query, sampler.depth, sampler.known))
    sampler.tally.index_seconds += (time.thread_time() - before) * torch.get_num_threads()
