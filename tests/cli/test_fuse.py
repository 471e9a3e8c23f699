"""`gnn-search fuse` end to end, what takes its folder, and how it fails."""

from __future__ import annotations

import json

import polars as pl
import pytest
from click.testing import CliRunner
from models import write_model

from gnn_search.cli.main import main


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def fusion(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fusion") / "fusion"
    result = run("fuse", tiny_model, "--out", folder, "--json")
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_json_and_the_folder_say_the_same(fusion):
    folder, summary = fusion
    assert sorted(path.name for path in folder.iterdir()) == ["fusion.json", "weights.json"]
    assert json.loads((folder / "weights.json").read_text()) == summary["weights"]
    assert summary["out"] == str(folder)
    assert {score["method"] for score in summary["scores"]} == {"reranked", "graph", "vector", "lexical", "rrf", "fused"}


def test_the_same_seed_gives_the_same_bytes(tiny_model, fusion, tmp_path):
    result = run("fuse", tiny_model, "--out", tmp_path / "again", "--cases", 6000)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "weights.json").read_bytes() == (fusion[0] / "weights.json").read_bytes()
    assert "users that nothing was fitted on" in result.stdout
    assert "recall@10" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(("channel", "further"), [("lexical", False), ("rrf", False), ("fused", True)])
def test_search_takes_every_channel(tiny_model, fusion, channel, further):
    fused = ["--fusion", fusion[0]] if further else []
    result = run("search", tiny_model, "bread 0", "--user", 3, "--channel", channel, *fused, "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["hits"]) >= 5


@pytest.mark.parametrize(
    ("channel", "parts"), [("rrf", ["graph", "vector", "lexical"]), ("fused", ["reranked", "graph", "vector", "lexical"])]
)
def test_retrieve_says_where_each_channel_found_a_product(tiny_model, fusion, tmp_path, channel, parts):
    requests = pl.DataFrame({"user_id": [3, None, 999], "query": ["Bread 0", "tea 0", "never asked"]})
    requests.write_parquet(tmp_path / "requests.parquet")
    fused = ["--fusion", fusion[0]] if channel == "fused" else []
    files = ["--input", tmp_path / "requests.parquet", "--out", tmp_path / "out.parquet"]
    result = run("retrieve", tiny_model, *files, "-k", 20, "--channel", channel, *fused)
    assert result.exit_code == 0, result.output
    rows = pl.read_parquet(tmp_path / "out.parquet")
    assert rows.columns == ["user_id", "query", "rank", "product_id", "score", *(f"{part}_rank" for part in parts)]
    assert rows.select(pl.min_horizontal(f"{part}_rank" for part in parts)).to_series().null_count() == 0
    for part in parts:
        ranks = rows.filter(pl.col("query") == "Bread 0")[f"{part}_rank"].drop_nulls()
        assert len(ranks)
        assert ranks.is_unique().all()


def test_evaluate_shows_the_fusions(tiny_model, fusion):
    result = run("evaluate", tiny_model, "--fusion", fusion[0], "--baselines", "bm25", "--resamples", 20, "--json")
    assert result.exit_code == 0, result.output
    evaluation = json.loads(result.stdout)
    names = ["gnn-search", "gnn-search, vectors", "gnn-search, graph", "gnn-search, no user"]
    assert evaluation["methods"] == [*names, "gnn-search, lexical", "gnn-search, rrf", "gnn-search, fused", "bm25"]
    recall = {score["method"]: score["mean"] for score in evaluation["scores"] if score["metric"] == "recall" and score["slice"] == "all"}
    assert recall["gnn-search, lexical"] == recall["bm25"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--channel", "fused"], "the channel fused needs fitted weights; give their folder with --fusion"),
        (["--fusion", "FOLDER"], "weights of a fusion are of no use to the channel reranked"),
        (["--channel", "fused", "--fusion", "nowhere"], "there is no fusion folder nowhere"),
    ],
)
def test_weights_and_channel_must_fit(tiny_model, fusion, arguments, message):
    given = [fusion[0] if argument == "FOLDER" else argument for argument in arguments]
    result = run("search", tiny_model, "bread 0", *given)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_taken_place(tiny_model, fusion):
    result = run("fuse", tiny_model, "--out", fusion[0])
    assert result.exit_code == 2
    assert "already exists" in result.stderr


def test_some_channels_alone_are_fused(tiny_model, tmp_path):
    chosen = ("--channel", "lexical", "--channel", "vector")
    result = run("fuse", tiny_model, "--out", tmp_path / "fusion", *chosen, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert list(summary["weights"]["channels"]) == ["vector", "lexical"]
    assert {score["method"] for score in summary["scores"]} == {"reranked", "graph", "vector", "lexical", "rrf", "fused"}
    pl.DataFrame({"query": ["bread 0"]}).write_parquet(tmp_path / "requests.parquet")
    files = ["--input", tmp_path / "requests.parquet", "--out", tmp_path / "out.parquet"]
    result = run("retrieve", tiny_model, *files, "-k", 20, "--channel", "fused", "--fusion", tmp_path / "fusion")
    assert result.exit_code == 0, result.output
    assert pl.read_parquet(tmp_path / "out.parquet").columns[-2:] == ["vector_rank", "lexical_rank"]


def test_a_channel_that_the_model_has_not(tiny_graph, tmp_path):
    model = write_model(tiny_graph, tmp_path / "model", reranker=False)
    result = run("fuse", model, "--out", tmp_path / "fusion", "--channel", "graph")
    assert result.exit_code == 2
    assert "has no channel graph; there are vector, lexical" in result.stderr
    assert not (tmp_path / "fusion").exists()
