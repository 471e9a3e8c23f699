"""`gnn-search report` end to end, and how it fails."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from models import write_model

from gnn_search.cli.main import main
from gnn_search.layout import RunLayout


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.fixture(scope="module")
def evaluated(tiny_model, tmp_path_factory) -> Path:
    """A run of a copy of the tiny model, which lies beside it. Not to be changed."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(tiny_model, folder / "model")
    arguments = ["evaluate", str(folder / "model"), "--resamples", "20", "--baselines", "own_history", "--out", str(folder / "run")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_page_and_its_figures(evaluated, tmp_path):
    pytest.importorskip("matplotlib", reason="a page needs the extra 'report'")
    out = tmp_path / "made" / "page.html"
    result = run(evaluated, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    figures = json.loads(out.with_suffix(".json").read_text())
    assert result.stdout.splitlines() == [
        f"{out}: {out.stat().st_size / 1e6:.1f} MB, its figures in {out.with_suffix('.json')}",
        figures["verdict"]["sentence"],
    ]
    assert sorted(path.name for path in out.parent.iterdir()) == ["page.html", "page.json"]
    assert figures["comparison"] is None
    assert figures["reproduction"]["steps"][-1]["command"] == f"gnn-search report {evaluated} --out {out}"
    again = run(evaluated, "--out", out)
    assert again.exit_code == 2
    assert f"{out} already exists" in again.stderr


def test_as_json_and_where_the_model_was_moved(evaluated, tiny_graph, tmp_path):
    pytest.importorskip("matplotlib", reason="a page needs the extra 'report'")
    moved, out = shutil.copytree(evaluated, tmp_path / "run"), tmp_path / "page.html"
    layout = RunLayout(moved)
    content = json.loads(layout.evaluation.read_text())
    content["manifest"]["model"] = str(tmp_path / "gone")
    layout.evaluation.write_text(json.dumps(content))
    refused = run(moved, "--out", out)
    assert refused.exit_code == 2
    assert "is no longer in" in refused.stderr
    assert "--model" in refused.stderr
    result = run(moved, "--out", out, "--model", evaluated.parent / "model", "--graph", tiny_graph.path, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["bytes"] == out.stat().st_size


def test_another_model_is_refused(evaluated, tiny_graph, tmp_path):
    pytest.importorskip("matplotlib", reason="a page needs the extra 'report'")
    other = write_model(tiny_graph, tmp_path / "other", seed=9)
    result = run(evaluated, "--out", tmp_path / "page.html", "--model", other)
    assert result.exit_code == 2
    assert "is of another model than" in result.stderr
    assert not (tmp_path / "page.html").exists()


def test_a_run_that_does_not_say_how_it_came_about(evaluated, tmp_path):
    pytest.importorskip("matplotlib", reason="a page needs the extra 'report'")
    bare = shutil.copytree(evaluated, tmp_path / "run")
    content = json.loads(RunLayout(bare).evaluation.read_text())
    RunLayout(bare).evaluation.write_text(json.dumps(content | {"manifest": None}))
    result = run(bare, "--out", tmp_path / "page.html")
    assert result.exit_code == 2
    assert "does not record its model" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone", "--out", "page.html"], "there is no run folder"),
        (["gone", "--out", "page.pdf"], "expected a name that ends in .html"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(("module", "package"), [("jinja2", "Jinja2"), ("matplotlib", "matplotlib")])
def test_without_the_extra(evaluated, tmp_path, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    result = run(evaluated, "--out", tmp_path / "page.html")
    assert result.exit_code == 2
    assert result.stderr == f"Error: the page needs {package}, which is not installed; run: pip install 'gnn-search[report]'\n"
