"""`gnn-search inspect`: the whole graph and single nodes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gnn_search.cli.main import main


@pytest.fixture
def run(tiny_graph):
    return lambda *arguments: CliRunner().invoke(main, ["inspect", str(tiny_graph.path), *arguments])


def test_the_whole_graph(run):
    result = run()
    assert result.exit_code == 0, result.stderr
    assert "Graph tiny" in result.stdout
    assert "user --purchase--> product" in result.stdout
    assert json.loads(run("--json").stdout)["num_nodes"]["query"] == 20


def test_a_user(run):
    told = json.loads(run("--user", "3", "--json").stdout)
    assert told["user_id"] == 3
    shown = run("--user", "3").stdout
    assert shown.startswith(f"User 3: {told['num_interactions']} interactions\n")
    for heading in ("Last interactions", "Commonest categories", "Last queries"):
        assert f"\n{heading}\n" in shown
    for choice in told["last_interactions"]:
        assert choice["title"] in shown
        assert choice["category"] in shown
    assert f"age {told['attributes']['age']}" in shown


def test_a_query_in_any_writing(run):
    told = json.loads(run("--query", "bread 0", "--json").stdout)
    shown = run("--query", " BREAD  0 ").stdout
    assert shown.startswith(
        f"Query 'bread 0': {told['num_interactions']} interactions of {told['num_users']} users with {told['num_products']} products"
    )
    assert told["top_products"][0]["title"] in shown
    assert "food > bakery > bread" in shown


def test_a_product(run):
    told = json.loads(run("--product", "P003", "--json").stdout)
    shown = run("--product", "P003").stdout
    assert shown.startswith(f"Product P003: {told['title']}, {told['num_interactions']} interactions of {told['num_users']} known users\n")
    assert "food > fruit > berries" in shown
    assert "Commonest queries of its interactions" in shown
    assert "Bought with it" in shown


def test_text_of_the_shop_is_no_markup(tmp_path, fresh_shop):
    import polars as pl
    from shops import build

    products = pl.read_parquet(fresh_shop.parent / "products.parquet")
    products.with_columns(title=pl.lit("[red]tea[/red] :smile:")).write_parquet(fresh_shop.parent / "products.parquet")
    build(fresh_shop, tmp_path / "graph")
    result = CliRunner().invoke(main, ["inspect", str(tmp_path / "graph"), "--product", "P003"])
    assert "[red]tea[/red] :smile:" in result.stdout


def test_one_node_at_a_time(run):
    result = run("--user", "1", "--product", "P001")
    assert result.exit_code == 2
    assert "give one of --user, --query and --product, not several" in result.stderr


def test_an_unknown_id_is_one_sentence(run):
    result = run("--product", "P0031")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: there is no product 'P0031' in the graph")
    assert "did you mean" in result.stderr
    assert result.stdout == ""


def test_a_folder_that_is_no_graph(tmp_path):
    result = CliRunner().invoke(main, ["inspect", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not a graph folder: graph.json is missing" in result.stderr
