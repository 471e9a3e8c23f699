"""`gnn-search compare` end to end: two models beside each other, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from models import write_model

from gnn_search.cli.main import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments), "--resamples", "20"])


@pytest.fixture(scope="module")
def two_runs(tiny_model, tiny_graph, tmp_path_factory) -> list[Path]:
    """Runs of two models over the same cases."""
    folder = tmp_path_factory.mktemp("two_runs")
    made = []
    for name, model in (("old", tiny_model), ("new", write_model(tiny_graph, folder / "model", seed=5))):
        made.append(folder / name)
        arguments = ["evaluate", str(model), "--resamples", "20", "--baselines", "popularity,bm25", "--out", str(made[-1])]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    return made


def test_two_models_beside_each_other(two_runs):
    found = json.loads(run(*two_runs, "--json").stdout)
    assert [(entry["mark"], entry["run"], entry["method"]) for entry in found["entries"]] == [
        ("a", str(two_runs[0]), "gnn-search"),
        ("b", str(two_runs[1]), "gnn-search"),
    ]
    (wins,) = found["wins"]
    assert wins["wins"] + wins["ties"] + wins["losses"] == found["cases"]
    assert wins["wins"] > 0
    assert len(found["largest_gains"]) == 3
    assert {difference["slice"] for difference in found["differences"]} == set(found["slices"])
    result = run(*two_runs)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "recall@10, pair by pair" in result.stdout
    assert all(f"{path}" in "".join(result.stdout.split()) for path in ("two_runs",))


def test_new_words_are_compared_with_the_first(two_runs):
    found = json.loads(run(two_runs[0], two_runs[1], "--json").stdout)
    assert {(one["later"], one["earlier"], one["part"], one["metric"]) for one in found["new_words"]} == {
        ("b", "a", "perturbed", "recall"),
        ("b", "a", "perturbed", "none"),
    }
    kept = {(one["method"], one["kind"]): one for one in found["perturbed"]}
    for one in found["new_words"]:
        if one["metric"] == "recall":
            means = [kept[mark, one["kind"]]["perturbed_recall"]["mean"] for mark in ("b", "a")]
            assert one["mean"] == pytest.approx(means[0] - means[1])
    # Each run's own figures are those of all queries of the sample, which is the same.
    evaluated = json.loads((two_runs[0] / "evaluation.json").read_text())["perturbed"]["scores"]
    assert [one for one in found["perturbed"] if one["method"] == "a"] == [
        {**one, "method": "a"} for one in evaluated if one["method"] == "gnn-search"
    ]
    text = " ".join(run(*two_runs).stdout.split())
    assert "queries with a small change, minus that of a" in text
    assert "letter left out" in text
    # Popularity answers no text.
    single = json.loads(run(two_runs[0], "--json").stdout)
    names = {entry["mark"]: entry["method"] for entry in single["entries"]}
    assert {names[one["later"]] for one in single["new_words"]} == {"gnn-search, vectors", "bm25"}


def test_the_same_twice_and_methods_by_name(two_runs):
    first = run(*two_runs, "--method", "gnn-search", "--method", "bm25", "--metric", "ndcg", "-k", 40, "--json")
    assert first.stdout == run(*two_runs, "--method", "gnn-search", "--method", "bm25", "--metric", "ndcg", "-k", 40, "--json").stdout
    found = json.loads(first.stdout)
    assert [entry["method"] for entry in found["entries"]] == ["gnn-search", "bm25"] * 2
    assert (found["metric"], found["k"]) == ("ndcg", 40)
    # BM25 is the same in both runs.
    same = next(one for one in found["differences"] if (one["reference"], one["method"]) == ("d", "b"))
    assert (same["mean"], same["p_adjusted"], same["effect_size"]) == (0, 1, 0)


def test_a_single_run_compares_its_methods(two_runs):
    found = json.loads(run(two_runs[0], "--json").stdout)
    assert len(found["entries"]) == 6
    assert len(found["wins"]) == 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "there is no run folder"),
        (["new", "--method", "luck"], "no run holds a method 'luck'"),
        (["new", "--metric", "luck"], "the runs hold no measure 'luck@10'"),
    ],
)
def test_what_can_not_be_compared_is_one_sentence_and_exit_2(two_runs, arguments, message):
    result = run(two_runs[0], two_runs[0].parent / arguments[0], *arguments[1:])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_runs_of_other_cases_are_refused(two_runs, tiny_model, tmp_path):
    arguments = ["evaluate", str(tiny_model), "--resamples", "20", "--baselines", "none", "--cases", "9", "--out", str(tmp_path / "few")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    result = run(two_runs[0], tmp_path / "few")
    assert result.exit_code == 2
    assert "is of other cases than" in result.stderr
