"""`gnn-search explain` end to end."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from models import write_model

from gnn_search.cli.main import main
from gnn_search.explanation.result import Explanation


def run(*arguments: object):
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


def test_for_a_reader(tiny_model):
    result = run(tiny_model, "--query", "Bread 0", "--user", 3, "--product", "P000")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "'bread 0' for user 3, as of 2024-02-22 00:00 UTC"
    assert lines[1].startswith("Product P000: ")
    assert lines[2] == "food > bakery > bread"
    for wanted in (
        "vectors and the graph's candidates",
        "candidates alone",
        "as a sum",
        "query text",
        "category path",
        "nothing (the zero slot)",
    ):
        assert wanted in result.stdout
    assert "Shortest paths from user 3 to the product" in result.stdout
    assert "query 'bread 0' -> found" in result.stdout
    assert result.stderr == ""


def test_as_json(tiny_model):
    result = run(tiny_model, "--query", "Bread 0", "--user", 3, "--product", "P000", "--json")
    found = Explanation.model_validate(json.loads(result.stdout) | {"as_of": "2024-02-22T00:00:00"})
    assert found.score.vector + found.reranker.mean + sum(group.score for group in found.reranker.groups) == pytest.approx(
        found.score.score
    )
    assert result.stdout == run(tiny_model, "--query", "Bread 0", "--user", 3, "--product", "P000", "--json").stdout


def test_without_a_user(tiny_model):
    result = run(tiny_model, "--query", "bread 0", "--product", "P000")
    assert result.exit_code == 0, result.output
    assert "'bread 0' without a user" in result.stdout
    assert "from user" not in result.stdout
    assert "Attention" not in result.stdout


def test_a_new_query_is_noted_on_stderr(tiny_model):
    result = run(tiny_model, "--query", "bread of old", "--product", "P000")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("Note: this query had no interactions before")
    assert "from query" not in result.stdout


def test_a_model_without_a_reranker(tiny_graph, tmp_path):
    model = write_model(tiny_graph, tmp_path / "model", reranker=False)
    result = run(model, "--query", "bread 0", "--product", "P000", "--user", 3)
    assert result.exit_code == 0, result.output
    shown = result.stdout.partition("Shortest")[0]
    assert "reranker" not in shown
    assert "candidate" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--query", "bread 0", "--product", "P999"), "there is no product 'P999' in the graph"),
        (("--query", "bread 0", "--product", "P000", "--user", "nobody"), "there is no user 'nobody' in the graph"),
        (("--query", "  ", "--product", "P000"), "the query '  ' is blank"),
        (("--query", "bread 0", "--product", "P000", "--as-of", "soon"), "the time 'soon' is no ISO 8601 date"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(tiny_model, arguments, message):
    result = run(tiny_model, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
