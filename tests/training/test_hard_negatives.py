"""Runs with every kind of negative: reproducible, resumable, on schedule, and none outruns the lists that it is to draw from."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from towers import tiny_config

from gnn_search.layout import ModelLayout
from gnn_search.sampling.batches import BatchSampler
from gnn_search.training.checkpoint import load_checkpoint
from gnn_search.training.loop import StepReport, train

ALL = [
    {"kind": "in_batch"},
    {"kind": "uniform", "count": 8},
    {"kind": "taxonomy", "count": 1, "levels": [1, 1], "start_levels": [0, 0, 1]},
    {"kind": "in_batch_hard", "count": 3, "weight": 0.5},
    {"kind": "dynamic", "count": 2, "depth": 12, "refresh_every": 3, "weight": 0.5},
    {"kind": "bm25", "count": 1, "depth": 6, "mask": "query"},
]
SCHEDULE = {"warmup": 0.1, "ramp": 0.5, "pool_end": 0.25}


class KilledError(Exception):
    """Stands for whatever ends a run early."""


def everything(**changes):
    return tiny_config(**{"negatives": ALL, "schedule": SCHEDULE, **changes})


def model_of(out):
    saved = load_checkpoint(ModelLayout(out).checkpoint)
    assert saved is not None
    return saved


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.fixture(scope="module")
def unbroken(tiny_graph, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "model"
    return train(everything(), tiny_graph, out), out


@pytest.mark.parametrize("step", [2, 5, 9, 10])
def test_a_run_with_lists_goes_on_to_the_same_bytes(tiny_graph, unbroken, tmp_path, step):
    """Checkpoints come every fourth step, new lists every third, so most checkpoints lie between two sets of lists."""

    def killed(report: StepReport) -> None:
        if report.step == step:
            raise KilledError

    with pytest.raises(KilledError):
        train(everything(), tiny_graph, tmp_path / "model", listener=killed)
    train(everything(), tiny_graph, tmp_path / "model", resume=True)
    for part in ("model", "optimisers", "best", "lists"):
        assert_same(getattr(model_of(tmp_path / "model"), part), getattr(model_of(unbroken[1]), part))


def test_the_lists_matter_and_are_kept(tiny_graph, unbroken, tmp_path):
    total = unbroken[0].total_steps
    (name,) = model_of(unbroken[1]).lists
    assert name == f"step {(total - 1) // 3 * 3}"
    negatives = [{**one, "refresh_every": 1000} if one["kind"] == "dynamic" else one for one in ALL]
    train(everything(negatives=negatives), tiny_graph, tmp_path / "model")
    assert not torch.equal(model_of(tmp_path / "model").model["vectors"], model_of(unbroken[1]).model["vectors"])


def test_a_batch_draws_from_the_lists_of_its_own_stretch(tiny_graph, tmp_path, monkeypatch):
    made, drawn_from = [], {}
    plain = BatchSampler.make

    def make(self, epoch, step):
        number = epoch * self.steps_per_epoch + step
        if self.schedule.weights(number)["dynamic"]:
            lists = self.negatives.dynamic.lists
            if not any(lists is one for one in made):
                made.append(lists)
            drawn_from[number] = next(place for place, one in enumerate(made) if one is lists)
        return plain(self, epoch, step)

    monkeypatch.setattr(BatchSampler, "make", make)
    train(everything(schedule={}), tiny_graph, tmp_path / "model")
    assert drawn_from == {step: step // 3 for step in range(len(drawn_from))}
    assert len(made) > 2


def test_no_list_is_made_while_it_counts_nothing(tiny_graph, tmp_path):
    result = train(everything(schedule={"warmup": 0.99}), tiny_graph, tmp_path / "model")
    told = {one["kind"]: one for one in result.negatives}
    assert told["dynamic"]["draws"] == told["taxonomy"]["draws"] == told["in_batch_hard"]["draws"] == 0
    assert told["in_batch"]["draws"] > 0
    assert model_of(tmp_path / "model").lists == {}


def test_metrics_keep_every_part_and_its_weight(unbroken, tiny_graph):
    rows = [json.loads(line) for line in ModelLayout(unbroken[1]).metrics.read_text().splitlines()]
    schedule = BatchSampler(tiny_graph, everything()).schedule
    for row in rows:
        weights = {name: weight for name, weight in schedule.weights(row["step"] - 1).items() if weight}
        assert {name.removesuffix("_weight"): row[name] for name in row if name.endswith("_weight")} == pytest.approx(weights)
        parts = {name: row[f"{name}_loss"] for name in weights}
        assert row["loss"] == pytest.approx(sum(weights[name] * parts[name] for name in weights), rel=1e-5)
    assert set(rows[0]) & {"dynamic_loss", "bm25_loss"} == set()
    assert {"pool_loss", "taxonomy_loss", "dynamic_loss", "bm25_loss", "in_batch_hard_loss"} <= set(rows[-1])


def test_what_it_cost_is_told(unbroken):
    told = {one["kind"]: one for one in unbroken[0].negatives}
    assert list(told) == ["in_batch", "uniform", "taxonomy", "dynamic", "bm25", "in_batch_hard"]
    for kind in ("dynamic", "bm25"):
        assert told[kind]["index_cpu_seconds"] > 0
    for one in told.values():
        assert one["drawing_cpu_seconds"] > 0
        assert one["cpu_seconds_per_million"] == pytest.approx(
            1e6 * (one["drawing_cpu_seconds"] + one["index_cpu_seconds"]) / one["draws"], rel=0.05, abs=200
        )


@pytest.mark.parametrize("thresholds", [{}, {"purchase": 0.6, "click": 0.4}, {"purchase": 0.6}])
def test_a_hinge_learns(tiny_graph, tmp_path, thresholds):
    config = everything(loss={"kind": "hinge", "thresholds": thresholds}, schedule={}, loop={"epochs": 4, "batch_size": 32})
    result = train(config, tiny_graph, tmp_path / "model")
    rows = [json.loads(line) for line in ModelLayout(tmp_path / "model").metrics.read_text().splitlines()]
    losses = [row["loss"] for row in rows]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    # A list of ten drawn at random from forty products holds a quarter of what was chosen.
    assert result.progress.best_recall > 0.35
    found = result.towers.thresholds
    assert set(found) == {"purchase", "click"}
    for action, value in thresholds.items():
        assert found[action] == pytest.approx(value)
    assert all(found[action] != 0.5 for action in set(found) - set(thresholds))
    assert ("temperature" in rows[0]) is False
    assert "log_temperature" not in dict(result.towers.named_parameters())
