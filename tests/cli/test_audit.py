"""`gnn-search audit`, and the audit that comes before training and evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from click.testing import CliRunner, Result
from planting import change_examples, change_vectors
from towers import tiny_settings

from gnn_search.cli.main import main
from gnn_search.graph.store import Graph


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def leaky(fresh_graph) -> Path:
    later = Graph.open(fresh_graph).examples("test")[:2]
    change_examples(fresh_graph, "train", lambda examples: pl.concat([examples, later]))
    return fresh_graph


@pytest.fixture
def spoilt(fresh_model) -> Path:
    change_vectors(fresh_model, "product", lambda vectors: np.full_like(vectors, np.nan))
    return fresh_model


def test_a_clean_graph_and_model_exit_0(tiny_graph, tiny_model):
    result = run("audit", tiny_graph.path, tiny_model)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "later-events" in result.stdout.partition("found nothing")[2]
    assert "0 errors, 0 warnings, " in result.stdout


def test_an_error_exits_1_and_is_shown_with_the_shops_own_ids(leaky):
    result = run("audit", leaky)
    assert result.exit_code == 1
    shown = " ".join(result.stdout.replace("│", " ").split())
    assert "error later-events 2" in shown
    product = Graph.open(leaky).nodes("product")["product_id"][Graph.open(leaky).examples("test")["product"][0]]
    assert f"product_id {product}" in shown
    assert "1 error, 0 warnings" in shown


def test_json(leaky, tiny_graph):
    result = run("audit", leaky, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert set(report) == {"graph", "graph_hash", "model", "model_hash", "findings", "clean", "skipped"}
    error = report["findings"][0]
    assert set(error) == {"check", "severity", "count", "meaning", "advice", "examples"}
    assert (error["check"], error["severity"], error["count"]) == ("later-events", "error", 2)
    assert len(error["examples"]) == 2
    assert json.loads(run("audit", tiny_graph.path, "--json").stdout)["model"] is None


def test_a_model_of_another_graph_exits_1(leaky, tiny_model):
    report = json.loads(run("audit", leaky, tiny_model, "--json").stdout)
    assert report["findings"][0]["check"] == "other-graph"


def test_bad_input_exits_2(tmp_path, tiny_graph, fresh_graph):
    assert run("audit", tmp_path / "gone").exit_code == 2
    assert "there is no model folder" in run("audit", tiny_graph.path, tmp_path / "gone").stderr
    file = fresh_graph / "edges" / "query--leads_to--product" / "index.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    result = run("audit", fresh_graph)
    assert result.exit_code == 2
    assert "its content hashes to" in result.stderr


def test_training_stops_at_an_error_unless_told_not_to_look(leaky, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(tiny_settings(reranker={"enabled": False})))
    words = ("train", config, "--graph", leaky, "--out", tmp_path / "model", "--threads", 1)
    result = run(*words)
    assert result.exit_code == 1
    assert result.stderr.startswith("error (later-events): 2: examples/train.parquet holds events at or after")
    assert result.stderr.endswith("Error: the audit found an error; correct what it names, or go on anyway with --no-audit\n")
    assert not (tmp_path / "model").exists()
    assert run(*words, "--no-audit").exit_code == 0


def test_evaluation_stops_at_an_error_unless_told_not_to_look(spoilt, tmp_path):
    words = ("evaluate", spoilt, "--resamples", 5, "--cases", 5, "--baselines", "none", "--threads", 1)
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error (unit-vectors): 40: Vectors of the product nodes hold NaN or infinity")
    assert "audit" not in run(*words, "--no-audit").stderr
