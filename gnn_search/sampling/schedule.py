"""How much each part of the loss weighs at a step."""

from __future__ import annotations

from gnn_search.config.training import TrainingConfig

POOL = "pool"
"""The part in which every example stands against the batch's shared products."""


def part_weights(config: TrainingConfig, step: int, total_steps: int) -> dict[str, float]:
    """Return the weight of each part of the loss at a step, by name: `pool`, then the hard negatives' kinds.

    Hard negatives have no weight over the warm-up, rise linearly over the ramp, and keep their own weight from then on; the pool's weight
    goes the same way from its start to its end (Jha et al., arXiv 2306.04833, section 4.4).

    Args:
        config: The training configuration.
        step: From 0.
        total_steps: Of the whole run.
    """
    schedule = config.schedule
    done = step / max(total_steps, 1)
    if done < schedule.warmup:
        risen = 0.0
    elif schedule.ramp:
        risen = min(1.0, (done - schedule.warmup) / schedule.ramp)
    else:
        risen = 1.0
    start = config.pool_weight
    end = start if schedule.pool_end is None else schedule.pool_end
    return {POOL: start + risen * (end - start), **{negative.kind: risen * negative.weight for negative in config.hard_negatives}}


def progress_at(step: int, total_steps: int) -> float:
    """Return how far a run has come at a step, from 0 at the first to 1 at the last."""
    return min(1.0, step / max(total_steps - 1, 1))
