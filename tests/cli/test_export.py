"""`gnn-search export` end to end, and how it fails."""

from __future__ import annotations

import json
import sys

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from models import write_model
from onnx_folders import needs_onnx

from gnn_search.cli.main import main
from gnn_search.trained.node_embeddings import open_node_embeddings


def run(*arguments: object):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_a_table_for_readers(tiny_model, tmp_path):
    result = run(tiny_model, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["product", "vectors", "40", "0"] in lines
    assert [line for line in result.stdout.splitlines() if "/out/parquet: 4 files" in line]
    assert "vectors of 16 dimensions, float32, as of 2024-02-22 00:00 UTC" in result.stdout
    assert "share of the true nearest products found, 20 queries: 1.0000 at 10; by the FAISS index 1.0000" in result.stdout


def test_json_is_the_manifest(tiny_model, tmp_path):
    result = run(tiny_model, "--out", tmp_path / "out", "--json")
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))


def test_as_of_another_moment(tiny_model, tmp_path):
    for name, moment in (("then", "2024-02-22"), ("now", "now")):
        assert run(tiny_model, "--out", tmp_path / name, "--as-of", moment).exit_code == 0
    then, now = (pl.read_parquet(tmp_path / name / "parquet" / "product-00000.parquet")["vector"].to_numpy() for name in ("then", "now"))
    assert not np.allclose(then, now)
    assert json.loads((tmp_path / "now" / "manifest.json").read_text(encoding="utf-8"))["as_of"] > "2024-02-22"


def test_the_model_may_lie_elsewhere_than_its_graph(fresh_model, fresh_graph, tmp_path):
    assert run(fresh_model, "--out", tmp_path / "out", "--graph", fresh_graph).exit_code == 0


def test_an_output_folder_that_exists(tiny_model, tmp_path):
    (tmp_path / "kept").touch()
    result = run(tiny_model, "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {tmp_path} already exists; give another --out, or remove it first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_nothing_is_left_when_it_fails(tiny_model, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("gnn_search.export.formats.text_tower.write_text_model", fail)
    assert isinstance(run(tiny_model, "--out", tmp_path / "out").exception, OSError)
    assert not list(tmp_path.iterdir())


def test_vectors_made_anew_are_those_that_were_stored(fresh_model):
    from gnn_search.trained.model import open_model

    stored = open_node_embeddings(open_model(fresh_model))
    kept = {name: np.array(vectors) for name, vectors in stored.vectors.items()}
    for file in (fresh_model / "node_embeddings").iterdir():
        file.unlink()
    (fresh_model / "node_embeddings").rmdir()
    anew = open_node_embeddings(open_model(fresh_model))
    for name, vectors in kept.items():
        assert np.array_equal(anew.vectors[name], vectors), name


def test_a_bad_moment(tiny_model, tmp_path):
    result = run(tiny_model, "--out", tmp_path / "out", "--as-of", "soon")
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())
    assert "the time 'soon' is no ISO 8601 date or time" in result.stderr


def test_formats_kinds_of_number_and_requests(tiny_model, tmp_path):
    (tmp_path / "requests.jsonl").write_text('{"user_id": 1, "query": "bread 0"}\n{"query": "never asked"}\n', encoding="utf-8")
    asked = ("--format", "npy", "--format", "vespa", "--dtype", "int8", "--nodes", "user", "--requests", tmp_path / "requests.jsonl")
    result = run(tiny_model, "--out", tmp_path / "out", *asked)
    assert result.exit_code == 0, result.output
    assert ["request", "vectors", "2", "0"] in [line.split() for line in result.stdout.splitlines()]
    assert "vectors of 16 dimensions, int8, each worth 0." in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"npy", "vespa", "manifest.json"}
    assert np.load(tmp_path / "out" / "npy" / "request-00000.npy").dtype == np.int8


def test_a_format_that_is_not_there(tiny_model, tmp_path):
    result = run(tiny_model, "--out", tmp_path / "out", "--format", "solr")
    assert result.exit_code == 2
    assert "'solr' is not one of 'parquet', 'npy'" in result.stderr


def test_a_kind_of_number_that_a_format_cannot_hold(tiny_model, tmp_path):
    result = run(tiny_model, "--out", tmp_path / "out", "--format", "milvus", "--dtype", "int8")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: the format milvus can't hold vectors of int8, it takes float32; give such a --dtype")
    assert not list(tmp_path.iterdir())


def test_onnx_towers_stand_in_the_manifest(tiny_model, tmp_path):
    needs_onnx()
    result = run(tiny_model, "--out", tmp_path / "out", "--format", "onnx", "--json")
    assert result.exit_code == 0, result.output
    names = {"onnx.json", "personal_tower.onnx", "serving.py", "text_encoder.py", "text_tower.onnx", "tokenizer.json"}
    assert {f"onnx/{name}" for name in names} <= set(json.loads(result.stdout)["files"])


def test_onnx_without_its_extra(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = run(tiny_model, "--out", tmp_path / "out", "--format", "onnx")
    assert result.exit_code == 2
    assert result.stderr == "Error: ONNX files need onnx, which is not installed; run: pip install 'gnn-search[onnx]'\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (("static", "terms"), "; opened by text_encoder.py in it, not by sentence-transformers or Model2Vec, which have no hashed terms"),
        (("static",), "; opened by sentence-transformers and Model2Vec"),
    ],
)
def test_says_what_opens_the_text_tower(tiny_graph, tmp_path, parts, said):
    model = write_model(tiny_graph, tmp_path / "model", parts=parts)
    result = run(model, "--out", tmp_path / "out", "--format", "text_tower", "--format", "npy")
    assert result.exit_code == 0, result.output
    assert " ".join(result.stdout.split()).count("opened by") == 1
    assert said in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (["npy"], "vectors of 16 dimensions, float16, as of"),
        (["npy", "faiss", "text_tower"], "vectors of 16 dimensions, float16 (float32 in faiss, text_tower), as of"),
        (["onnx"], "vectors of 16 dimensions, float32, as of"),
    ],
)
def test_what_holds_float32_in_any_case_is_told(tiny_model, tmp_path, formats, said):
    named = [part for name in formats for part in ("--format", name)]
    if "onnx" in formats:
        pytest.importorskip("onnx", reason="onnx is not installed; it is in the extra 'onnx'")
    result = run(tiny_model, *named, "--dtype", "float16", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert said in result.stdout
