"""`gnn-search negatives` end to end."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gnn_search.cli.main import main


def run(*arguments: object):
    return CliRunner().invoke(main, ["negatives", *map(str, arguments)], catch_exceptions=False)


def last_query(graph) -> str:
    return graph.nodes("query")["query"][int(graph.examples("train")["query"][-1])]


def test_the_table_of_all_samplers(tiny_model):
    result = run(tiny_model, "--kind", "taxonomy", "--kind", "dynamic", "--kind", "bm25")
    assert result.exit_code == 0
    for word in ("taxonomy", "dynamic", "bm25", "above positive", "CPU s/million"):
        assert word in result.output
    assert "in_batch" not in result.output


def test_the_table_as_json(tiny_model):
    told = json.loads(run(tiny_model, "--json").output)["samplers"]
    assert [one["kind"] for one in told] == ["in_batch", "taxonomy"]
    for one in told:
        assert one["draws"] > 0
        assert sum(one["study"]["hardness_counts"]) == one["study"]["negatives"]
        assert 0 <= one["study"]["same_query"]["share"] <= 1


def test_a_query(tiny_model, tiny_graph):
    query = last_query(tiny_graph)
    result = run(tiny_model, "--query", query.upper(), "-k", 2, "--kind", "taxonomy", "--kind", "bm25")
    assert result.exit_code == 0
    assert f"'{query}'" in result.output
    assert "bm25 (the model was not trained with it)" in result.output
    shown = json.loads(run(tiny_model, "--query", query, "-k", 2, "--json").output)
    assert [one["kind"] for one in shown["samplers"]] == ["in_batch", "taxonomy"]
    assert all(len(one["negatives"]) == 2 for one in shown["samplers"])
    assert run(tiny_model, "--query", query, "-k", 2, "--json").output == run(tiny_model, "--query", query, "-k", 2, "--json").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--query", "moon dust"], "nobody interacted with a product for 'moon dust'"),
        (["--query", "bread 0", "--user", "nobody"], "there is no user 'nobody' in the graph"),
        (["--user", "1"], "--user needs --query"),
        (["--kind", "hardest"], "'hardest' is not one of"),
    ],
)
def test_what_is_refused(tiny_model, arguments, message):
    result = run(tiny_model, *arguments)
    assert result.exit_code == 2
    assert message in result.output
