"""A fusion folder opens as it was written, for its own model alone."""

from __future__ import annotations

import json
import shutil

import pytest
from models import write_model

from gnn_search.errors import ArtefactError, OutputExistsError
from gnn_search.retrieval.fusion.rules import ChannelWeights, Weights
from gnn_search.retrieval.fusion.store import open_fusion, save_fusion
from gnn_search.trained.model import open_model

WEIGHTS = Weights(
    channels={"vector": ChannelWeights(score=0.1, rank=2, missing=-3), "lexical": ChannelWeights(score=1e-17, rank=0, missing=0)}
)


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture
def folder(model, tmp_path):
    save_fusion(tmp_path / "fusion", model, WEIGHTS, 200, 50, 0)
    return tmp_path / "fusion"


def test_what_is_written_is_opened(model, folder):
    assert open_fusion(folder, model) == WEIGHTS
    manifest = json.loads((folder / "fusion.json").read_text())
    assert (manifest["cases"], manifest["depth"], manifest["model_hash"]) == (50, 200, model.manifest.hash)
    with pytest.raises(OutputExistsError, match="already exists"):
        save_fusion(folder, model, WEIGHTS, 200, 50, 0)


def test_no_folder(model, tmp_path):
    with pytest.raises(ArtefactError, match=r"is not a fusion folder: fusion\.json is missing"):
        open_fusion(tmp_path, model)


def test_another_model(tiny_graph, folder, tmp_path):
    other = open_model(write_model(tiny_graph, tmp_path / "other", seed=1, vectors=False))
    with pytest.raises(ArtefactError, match=r"was fitted to another model than .*; fit it again with 'gnn-search fuse'"):
        open_fusion(folder, other)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("fusion.json", lambda content: content | {"format_version": 99}, "is of format version 99"),
        ("fusion.json", lambda content: content | {"cases": "many"}, "is damaged .*cases"),
        ("weights.json", lambda content: {"channels": {}}, "its files differ from those that were written"),
    ],
)
def test_damage(model, folder, name, change, message):
    path = folder / name
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ArtefactError, match=message):
        open_fusion(folder, model)


def test_a_missing_file(model, folder, tmp_path):
    shutil.move(folder / "weights.json", tmp_path)
    with pytest.raises(ArtefactError, match=r"weights\.json is missing"):
        open_fusion(folder, model)
