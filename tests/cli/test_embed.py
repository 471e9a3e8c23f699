"""`gnn-search embed` end to end."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from shops import START

from gnn_search.cli.main import main
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


def run(*arguments: object):
    return CliRunner().invoke(main, ["embed", *map(str, arguments)])


def vectors_of(path: Path) -> np.ndarray:
    column = pl.read_parquet(path)["vector"]
    assert column.dtype == pl.Array(pl.Float32, 16)
    return column.to_numpy()


def test_all_three(tiny_model, tiny_shop, tmp_path):
    pl.DataFrame({"user_id": ["a", "b", "c"], "history": [["P001", "gone"], ["P002"], []]}).write_ndjson(tmp_path / "users.jsonl")
    pl.DataFrame({"query": ["Bread  0", "zebra bread", "bread 0"]}).write_csv(tmp_path / "queries.csv")
    products, users, queries = tiny_shop.parent / "products.parquet", tmp_path / "users.jsonl", tmp_path / "queries.csv"
    files = ("--products", products, "--users", users, "--queries", queries)
    result = run(tiny_model, *files, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "products: 40 vectors of 40 rows",
        "  with an id that the graph holds, encoded as new all the same: 40",
        "users: 3 vectors from 3 events",
        "  events left out, as their product is not in the graph: 1",
        "  users with a vector of length 0, as nothing is known of them: 1",
        "queries: 3 vectors, 2 of queries that the graph holds, 0 of length 0 (no known word)",
        f"{tmp_path / 'out'}: vectors of 16 dimensions, as of 2024-02-22 00:00 UTC",
    ]
    assert pl.read_parquet(tmp_path / "out" / "users.parquet")["user_id"].to_list() == ["a", "b", "c"]
    users, queries = vectors_of(tmp_path / "out" / "users.parquet"), vectors_of(tmp_path / "out" / "queries.parquet")
    np.testing.assert_allclose(np.linalg.norm(users, axis=1), [1, 1, 0], atol=1e-6)
    assert np.array_equal(queries[0], queries[2])
    model = open_model(tiny_model)
    node = model.graph.nodes("query")["query"].to_list().index("bread 0")
    np.testing.assert_allclose(queries[0], open_node_embeddings(model).vectors["query"][node], atol=1e-6)
    written = json.loads((tmp_path / "out" / "embed.json").read_text())
    assert written["model_hash"] == model.manifest.hash
    assert written["users"] == {"vectors": 3, "events": 3, "unknown_products": 1, "later": 0, "zero_vectors": 1}
    assert json.loads(run(tiny_model, *files, "--out", tmp_path / "again", "--json").stdout) == written


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_known_users_whose_events_are_handed_in_get_their_own_vectors(tiny_model, tiny_shop, tmp_path, suffix):
    """All events of the shop are given, with those from the test period on, which do not count."""
    events = pl.read_parquet(tiny_shop.parent / "events.parquet").drop_nulls("user_id")
    path = tmp_path / f"events.{suffix}"
    events.write_csv(path) if suffix == "csv" else events.write_parquet(path)
    assert run(tiny_model, "--users", path, "--out", tmp_path / "out").exit_code == 0
    model = open_model(tiny_model)
    found = pl.read_parquet(tmp_path / "out" / "users.parquet")
    node = [model.graph.nodes("user")["user_id"].to_list().index(int(user)) for user in found["user_id"]]
    np.testing.assert_allclose(found["vector"].to_numpy(), open_node_embeddings(model).vectors["user"][node], atol=1e-6)
    counts = json.loads((tmp_path / "out" / "embed.json").read_text())["users"]
    late = events.filter(pl.col("timestamp") >= START + timedelta(days=52))
    assert (counts["vectors"], counts["events"], counts["later"]) == (15, events.height, late.height)


def test_histories_in_csv_are_ids_between_commas(tiny_model, tmp_path):
    (tmp_path / "users.csv").write_text('user_id,history,city\n1,"P001, P002",Köln\n2,,\n', encoding="utf-8")
    pl.DataFrame({"user_id": [1, 2], "history": [["P001", "P002"], None], "city": ["Köln", None]}).write_parquet(tmp_path / "users.parquet")
    for suffix in ("csv", "parquet"):
        assert run(tiny_model, "--users", tmp_path / f"users.{suffix}", "--out", tmp_path / suffix).exit_code == 0
    one, two = (pl.read_parquet(tmp_path / suffix / "users.parquet")["vector"] for suffix in ("csv", "parquet"))
    assert one.equals(two)


def refused(result, sentence: str) -> None:
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_what_can_not_be_done_is_told(tiny_model, tmp_path):
    out = tmp_path / "out"
    refused(run(tiny_model, "--out", out), "give at least one of --products, --users and --queries")
    refused(run(tiny_model, "--users", tmp_path / "none.csv", "--out", out), "none.csv; give one with the users, a row each")
    (tmp_path / "users.csv").write_text("user_id,title\n1,x\n")
    refused(run(tiny_model, "--users", tmp_path / "users.csv", "--out", out), "has neither a column 'history' nor 'product_id'")
    (tmp_path / "gap.csv").write_text("user_id,history\n1,P001\n,P002\n")
    refused(run(tiny_model, "--users", tmp_path / "gap.csv", "--out", out), "the user_id of row 1 (counted from 0) is null")
    (tmp_path / "queries.csv").write_text('query\ntea\n" "\n')
    refused(run(tiny_model, "--queries", tmp_path / "queries.csv", "--out", out), "the query of row 1 (counted from 0) is null or blank")
    assert not out.exists()
    out.mkdir()
    (out / "kept").touch()
    refused(run(tiny_model, "--queries", tmp_path / "queries.csv", "--out", out), "already exists")
