"""`gnn-search index` end to end, and how it fails."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from gnn_search.cli.index import KINDS
from gnn_search.cli.main import main
from gnn_search.index.settings import INDEX_KINDS
from gnn_search.index.store import open_index


def run(*arguments: object):
    return CliRunner().invoke(main, ["index", *map(str, arguments)])


def test_the_command_knows_every_kind():
    assert {*KINDS, "factory"} == {*INDEX_KINDS}


def test_a_table_for_readers(tiny_model, tmp_path):
    result = run(tiny_model, "--out", tmp_path / "out", "--threads", 1)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any(line.startswith("recall@10 against exact search") and line.endswith("1.0000") for line in lines)
    assert any(line.startswith("one query on one thread, p99") and line.endswith(" ms") for line in lines)
    assert any(line.startswith("all queries at once, 1 thread ") for line in lines)
    assert any(line.startswith("whole vectors in memory, a product") and line.endswith(" 64 bytes") for line in lines)
    assert "ivf_pq index (IVF1,PQ8x4fs) of 40 products" in lines[-1]
    assert result.stderr == ""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_manifest_and_opens(kind, tiny_model, tiny_graph, tmp_path):
    result = run(tiny_model, "--kind", kind, "--out", tmp_path / "out", "--json", "--threads", 1)
    assert result.exit_code == 0, result.output
    manifest = json.loads(result.stdout)
    assert manifest == json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8"))
    assert (manifest["kind"], manifest["count"], manifest["graph_hash"]) == (kind, 40, tiny_graph.manifest.hash)
    measured = manifest["measured"]
    assert measured["recall"]["10"] > 0.9
    assert 0 < measured["p50_ms"] <= measured["p95_ms"] <= measured["p99_ms"]
    assert measured["bytes_full"] == (64 if kind.endswith("pq") else 0)
    index = open_index(tmp_path / "out")
    assert index.ids is not None
    assert index.ids.equals(tiny_graph.nodes("product")["product_id"])
    assert index.search(np.ones((1, 16), np.float32), 5)[1].shape == (1, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_every_setting_arrives(tiny_model, tmp_path):
    options = {"nlist": 3, "nprobe": 2, "hnsw_m": 8, "ef_construction": 50, "ef_search": 60, "pq_m": 4, "full": "int8", "full_in": "disk",
               "candidates": 4, "seed": 7}  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    result = run(tiny_model, "--kind", "ivf_hnsw_pq", *flags, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    settings = json.loads(result.stdout)["settings"]
    assert {name: settings[name] for name in options} == options


def test_a_factory(tiny_model, tmp_path):
    result = run(tiny_model, "--factory", "IVF2,SQ8", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["settings"]["factory"] == "IVF2,SQ8"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--factory", "nonsense"], "Error: FAISS knows no index 'nonsense' for 16 dimensions"),
        (["--factory", "Flat", "--kind", "flat"], "--kind and --factory exclude each other; give one of them"),
        (["--pq-m", "5"], "vectors of 16 numbers can't be cut into 5 equal parts; give pq_m as a divisor"),
        (["--kind", "ivf_flat", "--nlist", "41"], "nlist is 41, more than the 40 products; give fewer lists"),
        (["--kind", "tree"], "'tree' is not one of"),
        (["--as-of", "soon"], "the time 'soon' is no ISO 8601 date or time"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(options, message, tiny_model, tmp_path):
    result = run(tiny_model, *options, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_output_folder_that_exists(tiny_model, tmp_path):
    (tmp_path / "kept").touch()
    result = run(tiny_model, "--out", tmp_path)
    assert result.exit_code == 2
    assert "already exists; give another --out" in result.stderr
