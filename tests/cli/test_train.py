"""`gnn-search train` end to end, resumed, and on what is wrong."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from towers import tiny_settings

from gnn_search.cli.main import main
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.cases import build_cases
from gnn_search.layout import ModelLayout
from gnn_search.sampling.batches import Examples, queries_held_out
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings
from gnn_search.training.run_record import RunRecord


def write_config(folder: Path, **changes: object) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_settings(**changes)))
    return path


def run(config: object, graph: object, out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", str(config), "--graph", str(graph), "--out", str(out), "--threads", "1", *arguments])


@pytest.fixture(scope="module")
def trained(tiny_graph, tmp_path_factory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("trained")
    return run(write_config(folder), tiny_graph.path, folder / "model"), folder / "model"


def test_a_model_is_trained_and_opens(trained, tiny_graph):
    result, out = trained
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.replace("│", " ").split()) for line in result.stdout.splitlines()]
    steps = len(ModelLayout(out).metrics.read_text().splitlines())
    assert any(line.startswith(f"steps {steps:,} of {steps:,}, best at ") for line in lines)
    assert any(line.startswith("negatives: taxonomy ") for line in lines)
    assert f"step 4 of {steps}: validation recall@10 0." in result.stderr
    assert result.stderr.endswith(f"next: gnn-search evaluate {out}\n")
    model = open_model(out)
    assert model.graph.manifest.hash == tiny_graph.manifest.hash
    assert model.manifest.training["steps"] == steps
    assert "torch" in model.manifest.versions
    shop = open_node_embeddings(model)
    assert shop.as_of == tiny_graph.manifest.test_start
    assert shop.vectors["product"].shape == (40, 16)


def test_json(tiny_graph, tmp_path):
    result = run(write_config(tmp_path), tiny_graph.path, tmp_path / "model", "--json")
    report = json.loads(result.stdout)
    assert report["model"] == str(tmp_path / "model")
    assert report["steps"] == report["steps_planned"] > 4
    held_out = queries_held_out(tiny_graph, 0.08, 1)
    assert report["examples"] == 300 - held_out[Examples.of(tiny_graph, "train").query].sum() < 300
    assert 0 <= report["validation_recall_at_10"] <= 1
    assert [negative["kind"] for negative in report["negatives"]] == ["in_batch", "uniform", "taxonomy"]


def test_the_reranker_is_fitted_and_reported(trained, tiny_graph):
    result, out = trained
    model = open_model(out)
    assert model.reranker is not None
    summary = model.manifest.training["reranker"]
    assert summary["cases"] == len(build_cases(tiny_graph, "validation"))
    recall = summary["validation_recall_at_10"]
    assert set(recall) == {"vector", "graph", "reranked"}
    assert all(0 < value <= 1 for value in recall.values())
    shown = " ".join(result.stdout.replace("│", " ").split())
    assert f"{recall['reranked']:.4f}; candidates alone {recall['graph']:.4f}, vectors alone {recall['vector']:.4f}" in shown
    assert "fitting the reranker on the validation period" in result.stderr


def test_a_model_without_a_reranker(tiny_graph, tmp_path):
    result = run(write_config(tmp_path, reranker={"enabled": False}), tiny_graph.path, tmp_path / "model", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["reranker"] is None
    assert "reranker" not in result.stderr
    assert open_model(tmp_path / "model").reranker is None
    assert not ModelLayout(tmp_path / "model").reranker.exists()


def test_a_killed_run_goes_on(trained, tiny_graph, tmp_path, monkeypatch):
    config = write_config(tmp_path)
    plain = RunRecord.add

    def add(self, row) -> None:
        if row["step"] == 6:
            raise KeyboardInterrupt
        plain(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecord, "add", add)
        assert run(config, tiny_graph.path, tmp_path / "model").exit_code == 130
    half = CliRunner().invoke(main, ["evaluate", str(tmp_path / "model")])
    assert half.exit_code == 2
    assert "has not ended; go on with 'gnn-search train --resume'" in half.stderr
    result = run(config, tiny_graph.path, tmp_path / "model", "--resume")
    assert result.exit_code == 0, result.output
    expected, found = (load_file(ModelLayout(out).weights) for out in (trained[1], tmp_path / "model"))
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)
    assert ModelLayout(tmp_path / "model").reranker.read_bytes() == ModelLayout(trained[1]).reranker.read_bytes()


def test_an_ended_run_may_be_resumed_and_says_the_same(trained, tiny_graph, tmp_path):
    out = shutil.copytree(trained[1], tmp_path / "model")
    before = {file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    result = run(write_config(tmp_path), tiny_graph.path, out, "--resume")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[3:] == trained[0].stdout.splitlines()[3:]  # but for the model's place
    assert {file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_a_model_that_is_whole_keeps_no_checkpoint(trained):
    assert {path.name for path in trained[1].iterdir()} >= {"model.json", "node_embeddings", "word_matches"}
    assert not [path for path in trained[1].iterdir() if "checkpoint" in path.name]


def test_a_run_killed_before_its_vectors_are_there_goes_on(trained, tiny_graph, tmp_path, monkeypatch):
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gnn_search.training.fit.encode_nodes", killed)
        assert run(write_config(tmp_path), tiny_graph.path, tmp_path / "model").exit_code == 130
    layout = ModelLayout(tmp_path / "model")
    assert layout.manifest.exists()
    assert layout.checkpoint.exists()
    assert run(write_config(tmp_path), tiny_graph.path, tmp_path / "model", "--resume").exit_code == 0
    for name in ("weights.safetensors", "node_embeddings/product.npy", "word_matches/score.npy"):
        assert (layout.root / name).read_bytes() == (trained[1] / name).read_bytes()
    assert not layout.checkpoint.exists()


def test_a_training_that_diverges_is_one_sentence_and_exit_2(tiny_graph, tmp_path):
    result = run(write_config(tmp_path, negatives=[{"kind": "in_batch", "weight": 1e38}]), tiny_graph.path, tmp_path / "model")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: the training diverged: ")
    assert result.stderr.endswith("is not finite; lower the learning rates under 'optimiser' and train anew\n")
    assert result.stdout == ""
    assert not ModelLayout(tmp_path / "model").manifest.exists()


def assert_refused(result: Result, message: str) -> None:
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""


def test_pre_training_comes_first(tiny_graph, tmp_path):
    result = run(write_config(tmp_path, text={"pretrain": {"epochs": 1, "batch_size": 64}}), tiny_graph.path, tmp_path / "model", "--json")
    assert result.exit_code == 0, result.output
    # The steps are those on the graph alone.
    assert len(ModelLayout(tmp_path / "model").metrics.read_text().splitlines()) == json.loads(result.stdout)["steps"]


@pytest.mark.parametrize("text", [{"start": "no/where"}, {"parts": ["transformer"], "transformer": "no_such_package_here:model"}])
def test_a_start_that_is_not_there_is_named(tiny_graph, tmp_path, text):
    result = run(write_config(tmp_path, text=text), tiny_graph.path, tmp_path / "model")
    assert result.exit_code == 2
    key, value = list(text.items())[-1]
    assert result.stderr.startswith(f"Error: text.{key} names {value}, ")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'; remove it or correct its name"),
        ({"loop": {"epoch": 3}}, "unknown key 'loop.epoch'; remove it or correct its name"),
        ({"dimension": 1}, "'dimension': Input should be greater than or equal to 4 (got 1)"),
        ({"negatives": [{"kind": "taxonomy"}]}, "negatives must hold in_batch or uniform"),
    ],
)
def test_a_bad_configuration_is_one_sentence_and_exit_2(tiny_graph, tmp_path, changes, message):
    assert_refused(run(write_config(tmp_path, **changes), tiny_graph.path, tmp_path / "model"), message)
    assert not (tmp_path / "model").exists()


def test_what_is_not_there_is_named(tiny_graph, tmp_path):
    config = write_config(tmp_path)
    assert_refused(run("nope", tiny_graph.path, tmp_path / "model"), "there are: ablation, additions, amazon_beauty, baselines/")
    assert_refused(run(config, tmp_path / "nope", tmp_path / "model"), "there is no graph folder")
    assert_refused(run(config, tiny_graph.path, tmp_path / "model", "--resume"), "there is no checkpoint in")


def test_what_is_there_is_not_written_over(trained, tiny_graph, tmp_path):
    assert_refused(run(write_config(tmp_path), tiny_graph.path, trained[1]), "already exists; give another --out, or remove it first")


def test_a_seed_stands_in_for_the_configurations(tiny_graph, tmp_path):
    told, written = tmp_path / "told", tmp_path / "written"
    assert run(write_config(tmp_path), tiny_graph.path, told, "--seed", "5").exit_code == 0
    assert run(write_config(tmp_path, seed=5), tiny_graph.path, written).exit_code == 0
    assert (told / "weights.safetensors").read_bytes() == (written / "weights.safetensors").read_bytes()
    assert TrainingConfig.load(told / "config.yaml").seed == 5


def test_another_configuration_is_not_resumed(trained, tiny_graph, tmp_path):
    result = run(write_config(tmp_path, seed=8), tiny_graph.path, trained[1], "--resume")
    assert_refused(result, "is of another config; resume with the config that it was started with, or train anew")


def test_a_damaged_graph_is_refused(fresh_graph, tmp_path):
    (fresh_graph / "nodes" / "product.parquet").write_bytes(b"")
    assert_refused(run(write_config(tmp_path), fresh_graph, tmp_path / "model"), "product.parquet has 0 bytes")


def test_event_files_are_written_where_tensorboard_is_installed_unless_told_otherwise(trained, tiny_graph, tmp_path):
    installed = find_spec("tensorboard") is not None
    assert ModelLayout(trained[1]).tensorboard.exists() == installed
    assert run(write_config(tmp_path), tiny_graph.path, tmp_path / "off", "--no-tensorboard").exit_code == 0
    assert not ModelLayout(tmp_path / "off").tensorboard.exists()
    assert (tmp_path / "off" / "weights.safetensors").read_bytes() == ModelLayout(trained[1]).weights.read_bytes()
    if not installed:
        message = "event files need tensorboard, which is not installed; run: pip install 'gnn-search[tensorboard]'"
        assert_refused(run(write_config(tmp_path), tiny_graph.path, tmp_path / "on", "--tensorboard"), message)
        assert not (tmp_path / "on").exists()
