"""`gnn-search windows`, from graphs of several windows on."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from models import write_model

from gnn_search.cli.main import main
from gnn_search.config.recipe import Recipe
from gnn_search.graph.build import build_graph


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def runs(tiny_shop, tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("windows")
    for back in range(2):
        graph = build_graph(Recipe.load(tiny_shop), tiny_shop.parent, folder / f"graph_{back}", back=back)
        model = write_model(graph, folder / f"model_{back}")
        result = run("evaluate", model, "--resamples", 20, "--threads", 1, "--out", folder / f"run_{back}")
        assert result.exit_code == 0, result.output
    return [folder / f"run_{back}" for back in range(2)]


def test_the_summary_of_two_windows(runs, tmp_path):
    result = run("windows", *runs, "--json", "--out", tmp_path / "windows.json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert json.loads((tmp_path / "windows.json").read_text()) == found
    newest, earlier = (json.loads((path / "evaluation.json").read_text()) for path in runs)
    assert found["times"] == [earlier["time"], newest["time"]]
    assert found["cases"] == [earlier["cases"], newest["cases"]]
    means = [next(one["mean"] for one in run["scores"] if one["method"] == "bm25") for run in (earlier, newest)]
    assert next(one["values"] for one in found["scores"] if one["method"] == "bm25") == means


def test_the_tables(runs):
    result = run("windows", *runs)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "2 windows of tiny" in result.stdout
    assert all(word in result.stdout for word in ("gnn-search, vectors", "recall@10 by slice", "tail product", "(few)", "▲", "bm25"))
    assert max(len(line) for line in result.stdout.splitlines()) <= 140


def test_bad_input_is_one_sentence_and_exit_2(runs, tmp_path):
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "evaluation.json").write_text("{}")
    for arguments, message in (
        ([runs[0]], "expected evaluations of at least two windows, got 1"),
        ([runs[0], tmp_path / "gone"], "gone; make one with 'gnn-search evaluate MODEL --out"),
        ([runs[0], tmp_path / "wrong"], "evaluation.json is damaged ('graph': Field required); evaluate again"),
        ([*runs, "--out", runs[0]], "already exists; give another --out"),
    ):
        result = run("windows", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
