"""The weights of the loss's parts against values worked out by hand."""

from __future__ import annotations

import pytest

from gnn_search.config.negatives import ScheduleSettings
from gnn_search.sampling.schedule import LossSchedule


def schedule(total_steps: int, **settings: float) -> LossSchedule:
    return LossSchedule(ScheduleSettings(**settings), 0.8, {"taxonomy": 0.5, "dynamic": 2.0}, total_steps)


@pytest.mark.parametrize("step", [0, 7, 99])
def test_without_a_schedule_every_part_has_its_weight(step):
    assert schedule(100).weights(step) == {"pool": 0.8, "taxonomy": 0.5, "dynamic": 2.0}


@pytest.mark.parametrize(
    ("step", "pool", "share"),
    [(0, 0.8, 0.0), (19, 0.8, 0.0), (20, 0.8, 0.0), (30, 0.65, 0.25), (40, 0.5, 0.5), (60, 0.2, 1.0), (99, 0.2, 1.0)],
)
def test_warm_up_and_ramp(step, pool, share):
    """The warm-up lasts to step 20 and the ramp to step 60; meanwhile the pool goes from 0.8 to 0.2."""
    found = schedule(100, warmup=0.2, ramp=0.4, pool_end=0.2).weights(step)
    assert found == pytest.approx({"pool": pool, "taxonomy": 0.5 * share, "dynamic": 2.0 * share})


def test_a_warm_up_without_a_ramp_ends_at_once():
    assert [schedule(10, warmup=0.5).weights(step)["dynamic"] for step in (4, 5)] == [0.0, 2.0]


def test_a_ramp_over_the_whole_run():
    assert [schedule(4, ramp=1.0).weights(step)["dynamic"] for step in range(4)] == [0.0, 0.5, 1.0, 1.5]


def test_progress_goes_from_nought_to_one():
    assert [schedule(5).progress(step) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert schedule(1).progress(0) == 0
