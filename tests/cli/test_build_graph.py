"""`gnn-search build-graph`, end to end and on what is wrong."""

from __future__ import annotations

import json

import polars as pl
import pytest
from click.testing import CliRunner

from gnn_search.cli.main import main
from gnn_search.graph.describe import summarise
from gnn_search.graph.store import Graph


def run(recipe, *arguments: object):
    everything = ["build-graph", recipe, "--data", getattr(recipe, "parent", "."), *arguments]
    return CliRunner().invoke(main, [str(one) for one in everything])


def test_a_graph_is_built_and_summed_up(fresh_shop, tmp_path):
    result = run(fresh_shop, "--out", tmp_path / "graph")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    summary = summarise(Graph.open(tmp_path / "graph"))
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in (
        "Graph tiny",
        "product nodes 40",
        "query --leads_to--> product 400",
        "product --in--> category (no time) 40",
        f"events {summary.first_event:%Y-%m-%d %H:%M} to {summary.last_event:%Y-%m-%d %H:%M} UTC",
        "training 300 events",
        "test 48 events from 2024-02-22 00:00",
        "taxonomy 3 levels, 0 products in no category",
        "rejects 0 of 453 rows",
    ):
        assert line in lines
    assert f"Wrote {tmp_path / 'graph'} in " in result.stdout
    assert Graph.open(tmp_path / "graph").num_nodes["product"] == 40


def test_json(fresh_shop, tmp_path):
    result = run(fresh_shop, "--out", tmp_path / "graph", "--json")
    report = json.loads(result.stdout)
    assert report["path"] == str(tmp_path / "graph")
    assert report["summary"]["num_nodes"]["user"] == 15
    assert report["summary"]["validation_start"] == "2024-02-14T00:00:00"
    assert report["usage"]["cpu_seconds"] > 0
    assert report["usage"]["peak_memory_bytes"] > 1e7


def test_rejects_are_shown_by_reason(fresh_shop, tmp_path):
    events = pl.read_parquet(fresh_shop.parent / "events.parquet")
    with_unknown = events.with_columns(product_id=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("none")).otherwise("product_id"))
    with_unknown.write_parquet(fresh_shop.parent / "events.parquet")
    result = run(fresh_shop, "--out", tmp_path / "graph")
    assert "3 of 453 rows (events: unknown product 3), see rejects.parquet" in result.stdout


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "events.parquet").unlink(), "Error: no file for the events table"),
        (lambda folder: (folder / "shop.yaml").write_text("name: x\ncolour: red\n"), "unknown key 'colour'; remove it or correct its name"),
        (lambda folder: pl.DataFrame({"x": [1]}).write_parquet(folder / "products.parquet"), "product_id"),
        (lambda folder: (folder / "graph").mkdir() or (folder / "graph" / "x").touch(), "already exists; give another --out"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(fresh_shop, damage, message):
    damage(fresh_shop.parent)
    result = run(fresh_shop, "--out", fresh_shop.parent / "graph")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_back_builds_an_earlier_window(fresh_shop, tmp_path):
    result = run(fresh_shop, "--out", tmp_path / "graph", "--back", 1)
    assert result.exit_code == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert any(line.startswith("test") and "from 2024-02-14" in line for line in lines)


def test_too_far_back_is_one_sentence_and_exit_2(fresh_shop, tmp_path):
    result = run(fresh_shop, "--out", tmp_path / "graph", "--back", 50)
    assert result.exit_code == 2
    assert "go back by at most" in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_is_held_out_is_told(fresh_shop, tmp_path):
    text = fresh_shop.read_text(encoding="utf-8")
    fresh_shop.write_text(text.replace("  by: time\n", "  by: time\n  hold_out: {users: 0.2}\n"), encoding="utf-8")
    result = run(fresh_shop, "--out", tmp_path / "graph")
    assert result.exit_code == 0, result.stderr
    assert "events of users and products made new, see examples/held_out.parquet" in result.stdout


def test_an_unknown_recipe_lists_those_that_are_shipped(tmp_path):
    result = run("no_such_shop", "--out", tmp_path / "graph")
    assert result.exit_code == 2
    assert "there are: amazon_beauty, amazon_beauty_related, complete_journey" in result.stderr


def test_a_slice_over_an_unknown_column_is_told_before_the_work(fresh_shop, tmp_path):
    fresh_shop.write_text(fresh_shop.read_text(encoding="utf-8") + "slices: {mine: colour = 'red'}\n", encoding="utf-8")
    result = run(fresh_shop, "--out", tmp_path / "graph")
    assert result.exit_code == 2
    assert "slice 'mine': the cases have no column 'colour' (in colour = 'red'); they have user_id, query, " in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "graph").exists()


def test_how_much_of_a_split_by_last_choices_is_measured(fresh_shop, tmp_path):
    recipe = fresh_shop.read_text(encoding="utf-8")
    fresh_shop.write_text(recipe[: recipe.index("split:")] + "split: {by: last}\n" + recipe[recipe.index("tables:") :], encoding="utf-8")
    result = run(fresh_shop, "--out", tmp_path / "graph")
    assert result.exit_code == 0, result.stderr
    graph = Graph.open(tmp_path / "graph")
    measured = int(graph.examples("test")["measured"].sum())
    assert 0 < measured == graph.manifest.num_examples["test_measured"]
    assert f", {measured} of them measured" in result.stdout
