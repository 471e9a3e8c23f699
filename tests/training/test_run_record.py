"""What is written down of each step: metrics.jsonl, and event files with the same numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from towers import tiny_config, tiny_settings

from gnn_search.errors import MissingExtraError
from gnn_search.layout import ModelLayout
from gnn_search.training.loop import StepReport, train
from gnn_search.training.run_record import RunRecord


class KilledError(Exception):
    """Stands for whatever ends a run early."""


def kill_at(step: int):
    def listener(report: StepReport) -> None:
        if report.step == step:
            raise KilledError

    return listener


def needs_tensorboard() -> None:
    pytest.importorskip("tensorboard", reason="event files need the extra 'tensorboard'")


def metrics(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in ModelLayout(out).metrics.read_text(encoding="utf-8").splitlines()]


def points(out: Path) -> dict[str, list[tuple[int, np.float32]]]:
    """Return every point of every event file as it stands there: steps and values by name, in the order of writing."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found: dict[str, list[tuple[int, np.float32]]] = {}
    for file in sorted(ModelLayout(out).tensorboard.iterdir()):
        for event in LegacyEventFileLoader(str(file)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, np.float32(value.simple_value)))
    return found


def expected(rows: list[dict[str, float]]) -> dict[str, list[tuple[int, np.float32]]]:
    names = {name: None for row in rows for name in row if name != "step"}
    return {name: [(int(row["step"]), np.float32(row[name])) for row in rows if name in row] for name in names}


def test_event_files_hold_the_numbers_of_metrics_jsonl(tiny_graph, tmp_path):
    needs_tensorboard()
    result = train(tiny_config(), tiny_graph, tmp_path / "model", tensorboard=True)
    found = points(tmp_path / "model")
    assert found == expected(metrics(tmp_path / "model"))
    assert len(found["loss"]) == result.total_steps
    assert {"loss", "pool_loss", "taxonomy_loss", "temperature", "examples", "validation_recall@10"} <= set(found)
    assert max(value for _, value in found["validation_recall@10"]) == np.float32(result.progress.best_recall)


@pytest.mark.parametrize("step", [2, 7])
def test_a_resumed_run_has_each_step_once(tiny_graph, tmp_path, step):
    needs_tensorboard()
    out = tmp_path / "model"
    for resume, at in ((False, step), (True, step + 2)):
        with pytest.raises(KilledError):
            train(tiny_config(), tiny_graph, out, resume=resume, tensorboard=True, listener=kill_at(at))
    result = train(tiny_config(), tiny_graph, out, resume=True, tensorboard=True)
    found = points(out)
    assert [at for at, _ in found["loss"]] == list(range(1, result.total_steps + 1))
    assert found == expected(metrics(out))
    assert len(list(ModelLayout(out).tensorboard.iterdir())) == 1


def test_event_files_may_be_asked_for_in_the_middle_of_a_run(tiny_graph, tmp_path):
    needs_tensorboard()
    out = tmp_path / "model"
    with pytest.raises(KilledError):
        train(tiny_config(), tiny_graph, out, listener=kill_at(6))
    assert not ModelLayout(out).tensorboard.exists()
    result = train(tiny_config(), tiny_graph, out, resume=True, tensorboard=True)
    assert len(points(out)["loss"]) == result.total_steps


def test_the_clock_is_the_trainings_own(tmp_path):
    needs_tensorboard()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    layout = ModelLayout(tmp_path)
    broken_off = '{"step": 1, "seconds": 2.0, "loss": 1.5}\n{"step": 2, "seconds": 4.0, "loss": 9.0}\n{"step"'
    layout.metrics.write_text(broken_off, encoding="utf-8")
    record = RunRecord(layout, tensorboard=True)
    record.start(1, 2.0)
    record.add({"step": 2, "seconds": 5.0, "loss": 0.5})
    record.close()
    assert metrics(tmp_path) == [{"step": 1, "seconds": 2.0, "loss": 1.5}, {"step": 2, "seconds": 5.0, "loss": 0.5}]
    board = EventAccumulator(str(layout.tensorboard))
    board.Reload()
    first, second = board.Scalars("loss")
    assert (first.step, first.value, second.step, second.value) == (1, 1.5, 2, 0.5)
    assert second.wall_time - first.wall_time == pytest.approx(3, abs=1e-3)


def test_without_the_extra_it_is_named_before_anything_is_made(tiny_graph, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"run: pip install 'gnn-search\[tensorboard\]', or train without them"):
        train(tiny_config(), tiny_graph, tmp_path / "model", tensorboard=True)
    assert not (tmp_path / "model").exists()


PROGRAM = """
import json, sys
from pathlib import Path
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.training.loop import train

train(TrainingConfig.model_validate(json.loads(sys.argv[1])), Graph.open(Path(sys.argv[2])), Path(sys.argv[3]))
print([name for name in sys.modules if "tensorboard" in name])
"""


def test_nothing_of_it_is_imported_or_written_unless_asked_for(tiny_graph, tmp_path):
    arguments = [json.dumps(tiny_settings()), tiny_graph.path, tmp_path / "model"]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert ModelLayout(tmp_path / "model").metrics.exists()
    assert not ModelLayout(tmp_path / "model").tensorboard.exists()
