"""How much each part of the loss weighs at a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gnn_search.config.negatives import ScheduleSettings

POOL = "pool"
"""The part in which every example stands against the batch's shared products."""


@dataclass(frozen=True)
class LossSchedule:
    """The weights of the parts of the loss over a run.

    Hard negatives have no weight over the warm-up, rise linearly over the ramp, and keep their own weight from then on; the pool's weight
    goes the same way from its start to its end (Jha et al., arXiv 2306.04833, section 4.4).

    Attributes:
        settings: Warm-up, ramp and the pool's weight at the end.
        pool: The pool's weight at the start.
        hard: The weight of each kind of hard negatives, by name.
        total_steps: Steps of the whole run.
    """

    settings: ScheduleSettings
    pool: float
    hard: Mapping[str, float]
    total_steps: int

    def weights(self, step: int) -> dict[str, float]:
        """Return the weight of each part at a step, from 0, by name: `pool`, then the kinds of hard negatives."""
        schedule, done = self.settings, step / max(self.total_steps, 1)
        ramped = min(1.0, (done - schedule.warmup) / schedule.ramp) if schedule.ramp else 1.0
        risen = 0.0 if done < schedule.warmup else ramped
        end = self.pool if schedule.pool_end is None else schedule.pool_end
        return {POOL: self.pool + risen * (end - self.pool), **{kind: risen * weight for kind, weight in self.hard.items()}}

    def progress(self, step: int) -> float:
        """Return how far the run has come at a step, from 0 at the first to 1 at the last."""
        return min(1.0, step / max(self.total_steps - 1, 1))
