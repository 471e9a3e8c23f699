"""The parts of the training loss, by softmax or by hinge, and their weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import LossSettings
from gnn_search.errors import ConfigError
from gnn_search.model.losses import contrast, hinge_below, hinge_below_pool, log_mass, sampled_softmax
from gnn_search.sampling.batches import Batch, HardestPart
from gnn_search.sampling.schedule import POOL

_FIRST_THRESHOLD = 0.5
"""Where a learned threshold starts."""


@dataclass(frozen=True)
class Losses:
    """The loss of a batch.

    Attributes:
        total: What is minimised.
        parts: Each part by name, a mean over the examples, without gradient.
        weights: What each part counts in the total.
        choosing_seconds: CPU seconds of choosing the hardest negatives of the pool, on all threads.
    """

    total: Tensor
    parts: dict[str, Tensor]
    weights: dict[str, float]
    choosing_seconds: float


class SoftmaxObjective:
    """Sampled softmax against the pool, and a softmax against each sampler's own negatives.

    Args:
        query: Query vectors divided by the temperature.
    """

    def __init__(self, query: Tensor, product: Tensor, batch: Batch) -> None:
        self._query, self._product, self._batch = query, product, batch
        self._positive = (query * product[torch.from_numpy(batch.positive)]).sum(dim=1)

    def pool(self, pool: Tensor) -> Tensor:
        batch = self._batch
        masked = torch.from_numpy(batch.masked_row), torch.from_numpy(batch.masked_column)
        mass = log_mass(self._query, self._product[pool], torch.from_numpy(batch.log_presence), *masked)
        return sampled_softmax(self._positive, mass)

    def own(self, scores: Tensor, valid: Tensor) -> Tensor:
        return contrast(self._positive, scores, valid)


class HingeObjective:
    """A positive should score `margin` above its action's threshold, a negative `margin` below it (Jha et al., arXiv 2306.04833, 4.5).

    Args:
        query: Query vectors of unit length.
        threshold: Of each example's action, [n].
        margin: As a cosine. Without one, all vectors alike would cost nothing.
    """

    def __init__(self, query: Tensor, product: Tensor, batch: Batch, threshold: Tensor, margin: float) -> None:
        self._query, self._product, self._batch = query, product, batch
        self._highest = threshold - margin
        positive = (query * product[torch.from_numpy(batch.positive)]).sum(dim=1)
        self._short = functional.relu(threshold + margin - positive)

    def pool(self, pool: Tensor) -> Tensor:
        batch = self._batch
        masked = torch.from_numpy(batch.masked_row), torch.from_numpy(batch.masked_column)
        return self._short + hinge_below_pool(self._query, self._product[pool], self._highest, *masked)

    def own(self, scores: Tensor, valid: Tensor) -> Tensor:
        return self._short + hinge_below(scores, self._highest, valid)


Objective = SoftmaxObjective | HingeObjective


def batch_losses(objective: Objective, batch: Batch, query: Tensor, product: Tensor) -> Losses:
    """Return the losses of a batch.

    Shapes:
        - query: [n, d], personalised
        - product: [p, d], the batch's products
    """
    weight = torch.from_numpy(batch.weight)
    pool = torch.from_numpy(batch.pool)
    values = {POOL: _weighted_mean(objective.pool(pool), weight)}
    total = batch.pool_weight * values[POOL]
    weights = {POOL: batch.pool_weight}
    before = time.thread_time()
    parts = [(part.name, part.weight, torch.from_numpy(part.product), torch.from_numpy(part.valid)) for part in batch.own]
    if batch.hardest is not None:
        parts.append(("in_batch_hard", batch.hardest.weight, *hardest_of_pool(query, product, pool, batch.hardest)))
    choosing = (time.thread_time() - before) * torch.get_num_threads()
    for name, counts, rows, valid in parts:
        own = functional.embedding(rows, product)
        scores = torch.bmm(own, query[:, :, None])[:, :, 0]
        values[name] = _weighted_mean(objective.own(scores, valid), weight)
        weights[name] = counts
        total = total + counts * values[name]
    return Losses(total, {name: value.detach() for name, value in values.items()}, weights, choosing)


@torch.no_grad()
def hardest_of_pool(query: Tensor, product: Tensor, pool: Tensor, part: HardestPart) -> tuple[Tensor, Tensor]:
    """Choose the best scored products of the pool that are not masked; the choice itself has no gradient.

    Shapes:
        - query: [n, d]
        - product: [p, d]
        - pool: int64 [m], rows of products
        - returns: rows int64 [n, k] and valid bool [n, k]
    """
    scores = query @ product[pool].T
    scores[torch.from_numpy(part.masked_row), torch.from_numpy(part.masked_column)] = float("-inf")
    best = scores.topk(min(part.count, len(pool)), dim=1)
    return pool[best.indices], torch.isfinite(best.values)


class Thresholds(nn.Module):
    """One cosine an action kind, set by the configuration or learned.

    Raises:
        ConfigError: A threshold is set for something else than the graph's positive actions.
    """

    set_values: Tensor
    learned_place: Tensor

    def __init__(self, settings: LossSettings, actions: Sequence[str]) -> None:
        super().__init__()
        for name in settings.thresholds:
            if name not in actions:
                known = ", ".join(actions)
                raise ConfigError(f"loss.thresholds names {name!r}, which is no action with interactions in this graph; it has {known}")
        stated = [settings.thresholds.get(action, "learned") for action in actions]
        learned = [place for place, value in enumerate(stated) if isinstance(value, str)]
        self._actions = list(actions)
        self.register_buffer("set_values", torch.tensor([0.0 if isinstance(value, str) else value for value in stated]), persistent=False)
        self.register_buffer("learned_place", torch.tensor(learned, dtype=torch.int64), persistent=False)
        self.learned = nn.Parameter(torch.full((len(learned),), _FIRST_THRESHOLD)) if learned else None

    def forward(self) -> Tensor:
        """Return the threshold of each action: [actions]."""
        if self.learned is None:
            return self.set_values
        return self.set_values.index_copy(0, self.learned_place, self.learned)

    @torch.no_grad()
    def by_action(self) -> dict[str, float]:
        """Return the thresholds by action."""
        return dict(zip(self._actions, self().tolist(), strict=True))


def _weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1e-12)
