"""How hard, how far and how wrong the negatives of each sampler are, by a trained model and by later interactions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from gnn_search.arrays import Bool, Float32, Int32, sorted_unique
from gnn_search.graph.store import Graph
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.batches import BatchSampler, Examples
from gnn_search.sampling.negatives.base import Positives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.training.mining import nearest_lists

_BATCHES = 4
_BLOCK = 1024
_POOL_ROWS = 64
"""Examples of a batch whose whole pool is looked at; one example's pool says much of it already."""
_EDGES = np.round(np.linspace(-1.0, 2.0, 31), 1)
"""Bounds of the hardness histogram; what lies outside counts in the outermost bins."""


class FalseNegatives(BaseModel):
    """Taught negatives that somebody interacted with in the validation period.

    Attributes:
        count: How many.
        share: Of all taught negatives.
        observed: Taught negatives whose query (and user) came up in the validation period at all.
        share_of_observed: `count` of these: an estimate of the true rate, from below.
    """

    count: int
    share: float
    observed: int
    share_of_observed: float


class NegativeStudy(BaseModel):
    """What one sampler teaches.

    Attributes:
        kind: Of the sampler.
        examples: Positives looked at.
        negatives: Taught negatives looked at, known positives left out.
        share_masked: Share of the drawn ones that were left out.
        hardness_edges: Bounds of the histogram, cosine of the positive minus cosine of the negative.
        hardness_counts: Negatives between them.
        mean_hardness: Mean of that difference; the lower the harder.
        share_above_positive: Share that the model scores above the positive.
        category_distance: Negatives by steps over the category tree from the positive; those in no category are left out.
        levels: Negatives by category levels climbed, -1 for uniform fallbacks; of `taxonomy` alone.
        same_query: Positive later for the same query by anyone.
        same_user_query: Positive later for the same query by the same user.
    """

    kind: str
    examples: int
    negatives: int
    share_masked: float
    hardness_edges: list[float]
    hardness_counts: list[int]
    mean_hardness: float
    share_above_positive: float
    category_distance: dict[int, int]
    levels: dict[int, int] | None
    same_query: FalseNegatives
    same_user_query: FalseNegatives


@dataclass(frozen=True)
class Drawn:
    """Negatives of some examples as one sampler draws them at the end of a run, with the model's cosines.

    Shapes:
        - product: int32 [n, k]
        - valid: bool [n, k]
        - reason: int32 [n, k] as in `OwnNegatives`, of the hardest their place in the pool
        - score: float32 [n, k]
        - positive_score: float32 [n]
    """

    kind: str
    positives: Positives
    product: Int32
    valid: Bool
    reason: Int32
    score: Float32
    positive_score: Float32


class Study:
    """Draws and scores negatives with a trained model.

    Args:
        encoder: The model, in the view of the start of the validation period.
        batches: Its samplers. Lists of `dynamic` negatives are made anew by this model.
    """

    def __init__(self, encoder: NodeEncoder, batches: BatchSampler) -> None:
        self._encoder, self._batches = encoder, batches
        dynamic = batches.negatives.dynamic
        if dynamic is not None:
            dynamic.use_lists(nearest_lists(encoder, sorted_unique(batches.examples.query), dynamic.depth, dynamic.known))

    def draw(self, epoch: int, step: int, only: int | None = None) -> Iterator[Drawn]:
        """Yield what each sampler draws for a step's examples, or one of them, with the settings of the end of a run."""
        negatives, positives = self._batches.negatives, self._batches.positives(epoch, step)
        pools = [sorted_unique(sampler.draw(positives, epoch, step)) for sampler in negatives.shared]
        if only is not None:
            positives = positives.take(slice(only, only + 1))
        requests = self._requests(positives)
        right = _scores(requests, self._vectors(positives.product[:, None]))[:, 0]
        some = positives.take(slice(_POOL_ROWS))
        for sampler, pool in zip(negatives.shared, pools, strict=True):
            product = np.broadcast_to(pool, (len(some.product), len(pool)))
            valid = ~negatives.known.contains(some.user, some.query, product) & (product != some.product[:, None])
            score = (requests[:_POOL_ROWS] @ self._vectors(pool).T).numpy()
            yield Drawn(sampler.name, some, product, valid, np.zeros_like(product), score, right[:_POOL_ROWS])
        for name, own in negatives.own.items():
            drawn = own.draw(positives, epoch)
            yield Drawn(name, positives, drawn.product, drawn.valid, drawn.reason, self._blockwise(requests, drawn.product), right)
        if negatives.hardest is not None:
            pool = sorted_unique(np.concatenate(pools))
            row, column = negatives.hardest.mask(positives, pool)
            before = time.thread_time()
            scores = requests @ self._vectors(pool).T
            scores[torch.from_numpy(row), torch.from_numpy(column)] = float("-inf")
            best = scores.topk(min(negatives.hardest.count, len(pool)), dim=1)
            negatives.hardest.tally.drawing_seconds += (time.thread_time() - before) * torch.get_num_threads()
            place, valid = best.indices.numpy(), torch.isfinite(best.values).numpy()
            yield Drawn(negatives.hardest.name, positives, pool[place], valid, place.astype(np.int32), best.values.numpy(), right)

    def _requests(self, positives: Positives) -> Tensor:
        query, row = np.unique(positives.query, return_inverse=True)
        plain = self._encoder.encode_queries(query.astype(np.int32))[torch.from_numpy(row)]
        before = self._batches.examples.session_start[positives.example]
        return self._encoder.personalise(plain, positives.user, positives.query, before)

    def _vectors(self, product: Int32) -> Tensor:
        return self._encoder.products[torch.from_numpy(product.astype(np.int64))]

    def _blockwise(self, requests: Tensor, product: Int32) -> Float32:
        starts = range(0, len(product), _BLOCK)
        blocks = [_scores(requests[start : start + _BLOCK], self._vectors(product[start : start + _BLOCK])) for start in starts]
        return np.concatenate(blocks)


def study_negatives(encoder: NodeEncoder, batches: BatchSampler, steps: int = _BATCHES) -> list[NegativeStudy]:
    """Look at the negatives of some batches as the end of a run would draw them.

    Args:
        encoder: The trained model in the view of the start of the validation period.
        batches: Its samplers; their counts go on.
        steps: Batches looked at, spread over an epoch.
    """
    study, known = Study(encoder, batches), _ValidationPositives(encoder.view.graph)
    found: dict[str, _Sums] = {}
    for step in sorted_unique(np.linspace(0, batches.steps_per_epoch - 1, steps).astype(int)).tolist():
        for drawn in study.draw(0, step):
            found.setdefault(drawn.kind, _Sums(drawn.kind)).add(drawn, known)
    return [sums.close() for sums in found.values()]


class _ValidationPositives:
    """The positives of the validation period, and the category tree."""

    def __init__(self, graph: Graph) -> None:
        self.taxonomy = graph.taxonomy
        later = Examples.of(graph, "validation")
        sizes = graph.num_nodes["query"], graph.num_nodes["product"]
        named = later.user >= 0
        self._by_query = KnownPositives("query", later.user, later.query, later.product, *sizes)
        self._by_user = KnownPositives("user_query", later.user[named], later.query[named], later.product[named], *sizes)

    def later(self, positives: Positives, product: Int32, *, same_user: bool) -> tuple[Bool, Bool]:
        """Say which negatives were positive later, and of which examples the query (and user) came up at all: bool [n, k] and [n, 1]."""
        known = self._by_user if same_user else self._by_query
        return known.contains(positives.user, positives.query, product), known.has_positives(positives.user, positives.query)[:, None]


class _Sums:
    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._examples = self._drawn = self._taught = self._above = 0
        self._difference = 0.0
        self._histogram = np.zeros(len(_EDGES) - 1, dtype=np.int64)
        self._distance: dict[int, int] = {}
        self._levels: dict[int, int] | None = {} if kind == "taxonomy" else None
        self._later = {False: np.zeros(2, dtype=np.int64), True: np.zeros(2, dtype=np.int64)}

    def add(self, drawn: Drawn, known: _ValidationPositives) -> None:
        valid = drawn.valid
        difference = (drawn.positive_score[:, None] - drawn.score)[valid]
        self._examples += len(valid)
        self._drawn += valid.size
        self._taught += int(valid.sum())
        self._above += int(np.count_nonzero(difference < 0))
        self._difference += float(difference.sum(dtype=np.float64))
        self._histogram += np.histogram(np.clip(difference, _EDGES[0], _EDGES[-1]), _EDGES)[0]
        category = np.asarray(known.taxonomy.product_category)
        start = np.broadcast_to(category[drawn.positives.product][:, None], valid.shape)[valid]
        end = category[drawn.product[valid]]
        placed = (start >= 0) & (end >= 0)
        _add_counts(self._distance, known.taxonomy.distance(start[placed], end[placed]))
        if self._levels is not None:
            _add_counts(self._levels, drawn.reason[valid])
        for same_user, sums in self._later.items():
            later, observed = known.later(drawn.positives, drawn.product, same_user=same_user)
            sums += [np.count_nonzero(later & valid), np.count_nonzero(observed & valid)]

    def close(self) -> NegativeStudy:
        taught = max(self._taught, 1)
        later = [(int(count), int(observed)) for count, observed in self._later.values()]
        same_query, same_user_query = (
            FalseNegatives(count=count, share=count / taught, observed=observed, share_of_observed=count / max(observed, 1))
            for count, observed in later
        )
        return NegativeStudy(
            kind=self._kind,
            examples=self._examples,
            negatives=self._taught,
            share_masked=1 - self._taught / max(self._drawn, 1),
            hardness_edges=_EDGES.tolist(),
            hardness_counts=self._histogram.tolist(),
            mean_hardness=self._difference / taught,
            share_above_positive=self._above / taught,
            category_distance=dict(sorted(self._distance.items())),
            levels=None if self._levels is None else dict(sorted(self._levels.items())),
            same_query=same_query,
            same_user_query=same_user_query,
        )


def _add_counts(counts: dict[int, int], values: Int32) -> None:
    for value, times in zip(*np.unique(values, return_counts=True), strict=True):
        counts[int(value)] = counts.get(int(value), 0) + int(times)


def _scores(requests: Tensor, products: Tensor) -> Float32:
    """Return the inner product of each request [n, d] with its own products [n, k, d]: float32 [n, k]."""
    return np.asarray(torch.bmm(products, requests[:, :, None])[:, :, 0].numpy(), dtype=np.float32)
