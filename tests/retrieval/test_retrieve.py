"""A file of requests becomes a file of lists, the same whatever the blocks and the order."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from gnn_search.errors import OutputExistsError, RequestError
from gnn_search.export.reader import open_export
from gnn_search.export.write import export_model
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.retrieval.options import open_ranking_options
from gnn_search.retrieval.retrieve import retrieve
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def requests(model) -> pl.DataFrame:
    """Requests of every kind: known, unknown and null users; known and new queries, repeated, in any case, one without a word."""
    random = np.random.default_rng(0)
    queries = [*model.graph.nodes("query")["query"].to_list(), "BREAD  0", "never asked", "brot", "🍞"]
    users = [*range(1, 16), 999, None]
    return pl.DataFrame({"user_id": random.choice(np.array(users, object), 200).tolist(), "query": random.choice(queries, 200).tolist()})


def answer(model, frame: pl.DataFrame, folder, k: int = 7, **further) -> pl.DataFrame:
    folder.mkdir()
    frame.write_parquet(folder / "in.parquet")
    retrieve(model, folder / "in.parquet", folder / "out.parquet", k, model.graph.manifest.test_start, **further)
    return pl.read_parquet(folder / "out.parquet")


def close(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    same = left.drop("score").equals(right.drop("score"))
    return same and np.allclose(left["score"], right["score"], atol=5e-6)


def test_rows_follow_the_requests(model, requests, tmp_path):
    rows = answer(model, requests, tmp_path / "a")
    assert rows.schema == {"user_id": pl.Int64, "query": pl.String, "rank": pl.Int32, "product_id": pl.String, "score": pl.Float32}
    assert rows.filter(pl.col("rank") == 1).select("user_id", "query").equals(requests)
    assert rows["rank"].to_list() == [1, 2, 3, 4, 5, 6, 7] * 200
    lists = rows["score"].to_numpy().reshape(200, 7)
    assert np.all(np.diff(lists, axis=1) <= 0)
    assert all(len(set(one)) == 7 for one in rows["product_id"].to_numpy().reshape(200, 7))


def test_neither_blocks_nor_order_matter(model, requests, tmp_path):
    whole = answer(model, requests, tmp_path / "whole")
    for block in (1, 13, 200):
        assert close(answer(model, requests, tmp_path / f"block{block}", block=block), whole)
    shuffled = requests.with_row_index("row").sample(fraction=1, shuffle=True, seed=1)
    again = answer(model, shuffled.drop("row"), tmp_path / "shuffled", block=50)
    ordered = again.with_columns(row=pl.Series(np.repeat(shuffled["row"].to_numpy(), 7))).sort("row", "rank").drop("row")
    assert close(ordered, whole)


def test_two_runs_write_the_same_bytes(model, requests, tmp_path):
    for name in ("a", "b"):
        answer(model, requests, tmp_path / name)
    assert (tmp_path / "a" / "out.parquet").read_bytes() == (tmp_path / "b" / "out.parquet").read_bytes()


def test_the_export_gives_the_same_lists(model, requests, tmp_path):
    """What another system does: the exported product vectors or index, and the model's query vectors."""
    embeddings = open_node_embeddings(model)
    export_model(model, embeddings, tmp_path / "export")
    export = open_export(tmp_path / "export")
    graph = model.graph
    known = requests.with_columns(pl.col("query").str.to_lowercase().str.replace_all("  ", " "))
    known = known.filter(pl.col("query").is_in(graph.nodes("query")["query"].implode()))
    rows = answer(model, known, tmp_path / "a", k=30, options=open_ranking_options(model, "vector"))
    expected = rows["product_id"].to_numpy().reshape(-1, 30)

    products, product_vectors = export.read("product")
    queries, query_vectors = export.read("query")
    user = known.join(graph.nodes("user").select("user_id").with_row_index("node"), on="user_id", how="left", maintain_order="left")["node"]
    node = known.join(queries.with_row_index("node"), on="query", how="left", maintain_order="left")["node"]
    plain = query_vectors[node.to_numpy()]
    encoder = NodeEncoder(model.towers, model.inputs, graph.before(embeddings.as_of))
    nodes = user.cast(pl.Int32).fill_null(-1).to_numpy()
    personal = encoder.personalise(torch.from_numpy(plain), nodes, node.cast(pl.Int32).to_numpy()).numpy()
    assert (nodes < 0).any()
    assert np.array_equal(personal[nodes < 0], plain[nodes < 0])

    scores = personal @ product_vectors.T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :30]
    assert np.array_equal(products["product_id"].to_numpy()[order], expected)
    index = export.index()
    assert index.ids is not None
    score, row = index.search(personal, 30)
    assert np.array_equal(index.ids.to_numpy()[row], expected)
    assert np.allclose(score.reshape(-1), rows["score"], atol=1e-6)


def test_unknown_and_null_users_get_the_same_plain_list(model, tmp_path):
    rows = answer(model, pl.DataFrame({"user_id": [999, None, 3], "query": ["tea 0"] * 3}), tmp_path / "a")
    lists = rows.select("product_id", "score")
    assert lists[:7].equals(lists[7:14])
    assert not lists[:7].equals(lists[14:])


def test_counts(model, requests, tmp_path):
    requests.write_csv(tmp_path / "in.csv")
    reported = []
    out = tmp_path / "out.jsonl"
    as_of = model.graph.manifest.test_start
    summary = retrieve(model, tmp_path / "in.csv", out, 2, as_of, block=150, progress=lambda *done: reported.append(done))
    assert reported == [("check", 200, None), ("answer", 0, 200), ("answer", 150, 200), ("answer", 200, 200)]
    assert (summary.requests, summary.rows) == (200, 400)
    assert summary.users_null == requests["user_id"].null_count()
    assert summary.users_unknown == (requests["user_id"] == 999).sum()
    assert summary.users_known + summary.users_unknown + summary.users_null == 200
    new = requests["query"].is_in(["never asked", "brot", "🍞"]).sum()
    assert (summary.queries_new, summary.queries_known) == (new, 200 - new)
    # None of them shares a word with a query or the catalogue, whatever the text tower makes of their letters.
    assert summary.queries_without_words == new
    assert pl.read_ndjson(out).height == 400


def test_as_of_changes_what_is_known(model, tmp_path):
    frame = pl.DataFrame({"user_id": [3], "query": ["tea 0"]})
    frame.write_parquet(tmp_path / "in.parquet")
    early = model.graph.manifest.time_first
    summary = retrieve(model, tmp_path / "in.parquet", tmp_path / "early.parquet", 5, early)
    assert (summary.queries_known, summary.queries_new) == (0, 1)
    late = retrieve(model, tmp_path / "in.parquet", tmp_path / "late.parquet", 5, model.graph.manifest.time_last + 1)
    assert late.queries_known == 1
    assert not pl.read_parquet(tmp_path / "early.parquet").equals(pl.read_parquet(tmp_path / "late.parquet"))


def test_k_larger_than_the_catalogue(model, requests, tmp_path):
    with pytest.raises(RequestError, match="k is 41, larger than the catalogue of 40 products; give at most 40"):
        answer(model, requests, tmp_path / "a", k=41)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["in.parquet"]


def test_does_not_write_over_another(model, requests, tmp_path):
    answer(model, requests, tmp_path / "a")
    with pytest.raises(OutputExistsError, match=r"out.parquet already exists"):
        retrieve(model, tmp_path / "a" / "in.parquet", tmp_path / "a" / "out.parquet", 3, model.graph.manifest.test_start)
