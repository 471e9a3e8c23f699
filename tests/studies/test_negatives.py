"""What it takes to reach a recall, by hand."""

from __future__ import annotations

import pytest

from gnn_search.studies.negatives import first_reach, mix_costs, reached, resolve_target
from gnn_search.studies.result import RunResult, Target, Validation


def validations(*recalls: float) -> tuple[Validation, ...]:
    """One after every 10 steps, which take 2 seconds and 3 of the CPU."""
    return tuple(Validation(step=10 * i, seconds=2.0 * i, cpu_seconds=3.0 * i, recall=recall) for i, recall in enumerate(recalls, 1))


def run(name: str, seed: int, *recalls: float, **index: float) -> RunResult:
    later = {"same_query": {"share": 0.01, "share_of_observed": 0.02}}
    samplers = [
        {"kind": kind, "drawing_cpu_seconds": 0.6, "index_cpu_seconds": seconds, "cpu_seconds_per_million": 5.0, "study": later}
        for kind, seconds in index.items()
    ]
    told = {"recalls": (), "slices": ("all",), "k": (10,), "cases": 5, "seconds": 1.0, "cpu_seconds": 1.0}
    return RunResult(name=name, seed=seed, validations=validations(*recalls), training={"negatives": samplers}, **told)


def test_between_two_validations_recall_rises_along_a_line():
    found = first_reach(validations(0.2, 0.3, 0.5, 0.4), 0.35)
    assert found is not None
    assert (found.step, found.seconds, found.cpu_seconds) == (22, pytest.approx(4.5), pytest.approx(6.75))


def test_the_ends():
    places = validations(0.2, 0.3, 0.25)
    assert first_reach(places, 0.1) == places[0]
    assert first_reach(places, 0.2) == places[0]
    assert first_reach(places, 0.3) == places[1].model_copy(update={"recall": 0.3})
    assert first_reach(places, 0.31) is None


def test_targets_are_each_seeds_own():
    runs = {"a": [run("a", 0, 0.2, 0.4), run("a", 1, 0.5)], "b": [run("b", 0, 0.3), run("b", 1, 0.6, 0.7)]}
    assert resolve_target("lowest", runs) == Target(name="lowest", recalls={0: 0.3, 1: 0.5})
    assert resolve_target("b", runs) == Target(name="b", recalls={0: 0.3, 1: 0.7})
    assert resolve_target(0.25, runs) == Target(name="0.25", recalls={0: 0.25, 1: 0.25})
    assert resolve_target("c", runs) is None


def test_indices_built_before_the_steps_count_and_runs_that_fail_count_as_endless():
    runs = [run("a", 0, 0.2, 0.4, bm25=1.5, dynamic=9.0), run("a", 1, 0.1, 0.1), run("a", 2, 0.1, 0.4, bm25=1.5)]
    found = reached(Target(name="t", recalls={0: 0.3, 1: 0.3, 2: 0.25}), runs)
    # Seed 0 is halfway between its validations, and so is seed 2.
    assert (found.seeds, found.steps, found.seconds, found.cpu_seconds) == (2, 15, pytest.approx(4.5), pytest.approx(6.0))
    none = reached(Target(name="t", recalls={0: 0.3, 1: 0.3, 2: 0.45}), runs)
    assert (none.seeds, none.steps, none.seconds) == (1, None, None)


def test_what_a_mix_costs():
    costs = mix_costs("a", [run("a", 0, 0.2, 0.4, in_batch=0.0, bm25=1.5)], [])
    assert costs.best_validation == 0.4
    assert costs.mining_cpu_seconds == pytest.approx(2.7)
    assert costs.share_of_step == pytest.approx(1.2 / 6)
    assert [one.kind for one in costs.samplers] == ["in_batch", "bm25"]
    assert costs.samplers[1].share_of_step == pytest.approx(0.1)
    assert (costs.samplers[1].index_cpu_seconds, costs.samplers[1].false_negatives_known) == (1.5, 0.02)
