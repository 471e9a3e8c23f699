"""The documented server answers from an export folder alone, without torch and without this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from onnx_folders import needs_onnx

from gnn_search.cli.main import main
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model

needs_onnx()

SERVER = Path(__file__).resolve().parents[3] / "docs/export/onnx_server.py"
BLOCKED = (
    "import sys, runpy; sys.modules.update(torch=None, gnn_search=None, faiss=None); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)


@pytest.fixture(scope="module")
def exported(tiny_model, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("server") / "export"
    result = CliRunner().invoke(main, ["export", str(tiny_model), "--format", "parquet", "--format", "onnx", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def list_of_the_package(retriever: Retriever, query: str, user: int | None, node: int) -> list[tuple[str, float]]:
    """Return ids and scores of the list that the server must find: of a user's new query, with the history that the nearest one selects."""
    found = retriever.search(query, user, k=5)
    if found.query_known or user is None:
        return [(hit.product_id, hit.score) for hit in found]
    nodes = retriever.encoder.nodes
    text = nodes.encode_texts([query])
    vector = nodes.personalise(text, np.array([node], dtype=np.int32), nodes.nearest_query(text))
    score = (vector @ nodes.products.T).numpy()[0]
    best = np.argsort(-score, kind="stable")[:5]
    return list(zip(retriever.products["product_id"].gather(best), score[best].tolist(), strict=True))


@pytest.mark.parametrize("query", ["bread 0", "  BREAD 0", "fresh bread nobody asked for"])
@pytest.mark.parametrize("user", [3, None])
def test_same_list_as_the_package(exported, tiny_model, tiny_shop, tmp_path, query, user):
    model = open_model(tiny_model)
    events = tmp_path / "events.jsonl"
    raw = pl.read_parquet(tiny_shop.parent / "events.parquet").filter(pl.col("user_id") == (user or -1))
    fields = raw.select("product_id", "query", "action", pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f"))
    events.write_text("".join(json.dumps(row) + "\n" for row in fields.iter_rows(named=True)), encoding="utf-8")
    node = -1 if user is None else model.graph.nodes("user")["user_id"].to_list().index(user)
    attributes = {} if user is None else model.graph.nodes("user").row(node, named=True)
    arguments = [exported, query, "--events", events, "--attributes", json.dumps(attributes), "-k", 5]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(SERVER), *map(str, arguments)], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    hits = list_of_the_package(Retriever(model, RankingOptions("vector")), query, user, node)
    assert [row[1] for row in rows] == [product_id for product_id, _ in hits]
    assert np.allclose([float(row[2]) for row in rows], [score for _, score in hits], atol=1e-4)
    assert (raw.height > 5) == (user is not None)
