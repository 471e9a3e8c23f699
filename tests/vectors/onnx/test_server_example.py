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


@pytest.mark.parametrize("query", ["bread 0", "  BREAD 0"])
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
    hits = Retriever(model, RankingOptions("vector")).search(query, user, k=5).hits
    assert [row[1] for row in rows] == [hit.product_id for hit in hits]
    assert np.allclose([float(row[2]) for row in rows], [hit.score for hit in hits], atol=1e-4)
    assert (raw.height > 5) == (user is not None)
