"""How training went, from metrics.jsonl and model.json."""

from __future__ import annotations

import polars as pl
import pytest

from gnn_search.errors import ArtefactError
from gnn_search.report.curves import Point, read_training, thin


def test_read(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text(
        '{"step": 1, "examples": 10, "loss": 2.0, "pool_loss": 1.5}\n'
        '{"step": 2, "examples": 20, "loss": 1.0, "pool_loss": 0.5, "validation_recall@10": 0.25}\n'
    )
    negatives = [{"kind": "in_batch", "draws": 1000, "drawing_cpu_seconds": 0.5, "index_cpu_seconds": 0.0}]
    told = {"steps": 2, "seconds": 3.0, "cpu_seconds": 4.0, "share_waiting_for_batches": 0.25, "negatives": negatives}
    found = read_training(file, told)
    assert found is not None
    assert found.curves["loss"] == (Point(examples=10, value=2.0), Point(examples=20, value=1.0))
    assert list(found.curves) == ["loss", "pool_loss"]
    assert (found.validation, found.measure) == ((Point(examples=20, value=0.25),), "recall@10")
    assert found.summary == {"steps": 2}
    assert [(one.name, one.wall_seconds, one.cpu_seconds) for one in found.stages] == [
        ("training steps", 3.0, 4.0),
        ("drawing negatives: in batch", None, 0.5),
    ]
    assert found.stages[0].remark == "25.0 % of it waiting for batches"


def test_a_long_run_is_thinned_to_means():
    steps = pl.DataFrame({"examples": list(range(1, 1002)), "loss": [float(value) for value in range(1001)]})
    points = thin(steps, "loss", 100)
    assert len(points) == 91
    assert points[0] == Point(examples=11, value=5.0)
    assert points[-1] == Point(examples=1001, value=995.0)


def test_a_measure_that_comes_late_is_read(tmp_path):
    """Readers of JSON lines that guess columns from the first hundred lines would miss it."""
    file = tmp_path / "metrics.jsonl"
    lines = [f'{{"examples": {step}, "loss": 1.0}}' for step in range(500)]
    file.write_text("\n".join([*lines, '{"examples": 500, "loss": 1.0, "validation_recall@10": 0.5}']) + "\n")
    found = read_training(file, {})
    assert found is not None
    assert found.validation == (Point(examples=500, value=0.5),)


def test_no_record(tmp_path):
    assert read_training(tmp_path / "metrics.jsonl", {}) is None


def test_a_damaged_record(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"examples": 1, "loss"')
    with pytest.raises(ArtefactError, match=r"metrics\.jsonl is damaged"):
        read_training(tmp_path / "metrics.jsonl", {})
