"""The demo end to end, on the tiny shop in the place of the real one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from command_lines import fault_of

from gnn_search.cli.main import main

PARTS = ("tables", "graph", "model", "evaluation", "export")


@pytest.fixture
def small_demo(tiny_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the demo writes to."""
    config = tmp_path / "config.yaml"
    loop = {"epochs": 2, "batch_size": 64, "validate_every": 3, "validation_cases": 50, "refresh_every": 2}
    config.write_text(yaml.safe_dump({"name": "small", "dimension": 16, "text": {"vocabulary": 200}, "loop": loop}))
    monkeypatch.setattr("gnn_search.cli.demo._RECIPE", str(tiny_shop))
    monkeypatch.setattr("gnn_search.cli.demo._CONFIG", str(config))
    monkeypatch.setattr("gnn_search.cli.options.set_threads", lambda count: count)

    def write_tables(target: Path) -> None:
        shutil.copytree(tiny_shop.parent, target)

    monkeypatch.setattr("gnn_search.tables.complete_journey.write_complete_journey", write_tables)
    return tmp_path / "demo"


def test_the_demo_makes_every_part_and_uses_them_again(small_demo: Path) -> None:
    first = CliRunner().invoke(main, ["demo", "--out", str(small_demo)], catch_exceptions=False)
    assert first.exit_code == 0, first.stderr
    assert all((small_demo / part).exists() for part in PARTS)
    scores = json.loads((small_demo / "evaluation" / "evaluation.json").read_text())
    assert scores["reference"] == "gnn-search"
    assert {"own_history", "query_popularity", "bm25"} <= set(scores["methods"])
    assert first.stdout.count("'frozen pizza'") == 2
    assert "without a user" in first.stdout
    assert "own_history" in first.stdout
    folders, tried = zip(*closing_lines(first.stdout, small_demo), strict=True)
    assert folders == PARTS
    commands = [shlex.split(line) for line in tried if line]
    assert [words[1] for words in commands] == ["inspect", "search", "compare"]
    assert [fault_of(words, whole=True) for words in commands] == [None] * 3
    for words in commands:
        shown = CliRunner().invoke(main, words[1:], catch_exceptions=False)
        assert shown.exit_code == 0, shown.stderr

    weights = (small_demo / "model" / "weights.safetensors").stat().st_mtime_ns
    again = CliRunner().invoke(main, ["demo", "--out", str(small_demo)], catch_exceptions=False)
    assert again.exit_code == 0, again.stderr
    assert (small_demo / "model" / "weights.safetensors").stat().st_mtime_ns == weights
    assert "training" not in again.stderr


def closing_lines(stdout: str, out: Path) -> list[tuple[str, str]]:
    """Return folder and command of the lines that say where all lies."""
    told = " ".join(stdout.split()).partition(f"It lies in {out}:")[2]
    lines = re.findall(rf"{out}/(\w+): (.*?)(?= {out}/\w+: |$)", told)
    return [(folder, "gnn-search" + what.partition("gnn-search")[2] if "gnn-search" in what else "") for folder, what in lines]


@pytest.mark.parametrize("left", ["metrics.jsonl", "checkpoint/.step-00000000.partial-1/model.safetensors"])
def test_a_training_killed_at_its_very_start_is_begun_again(small_demo: Path, left: str) -> None:
    file = small_demo / "model" / left
    file.parent.mkdir(parents=True)
    file.touch()
    result = CliRunner().invoke(main, ["demo", "--out", str(small_demo)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert (small_demo / "model" / "model.json").exists()
