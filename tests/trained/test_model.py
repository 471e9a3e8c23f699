"""Model folders: what is written comes back, and nothing damaged is opened."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from shops import build, write_tiny_shop
from towers import random_towers, tiny_config

from gnn_search.errors import ArtefactError
from gnn_search.graph.known_queries.weights import LenderWeights
from gnn_search.layout import ModelLayout, hash_files
from gnn_search.model.features import training_texts
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.tokens import train_tokenizer
from gnn_search.rerank.candidates import partner_relations
from gnn_search.rerank.features import feature_names
from gnn_search.rerank.scorer import RerankScorer
from gnn_search.rerank.understanding import ConfidenceWeights, Understanding
from gnn_search.sampling.inputs import InputSampler
from gnn_search.trained.model import open_model, save_model


def change_manifest(layout: ModelLayout, **changes: object) -> None:
    content = json.loads(layout.manifest.read_text())
    layout.manifest.write_text(json.dumps({**content, **changes}))


def forge(layout: ModelLayout) -> None:
    """Make the manifest's hash that of the files as they are."""
    change_manifest(layout, hash=hash_files(sorted([layout.config, layout.tokenizer, layout.reranker, layout.weights])))


def cut(layout: ModelLayout) -> None:
    layout.weights.write_bytes(layout.weights.read_bytes()[:-100])


def cut_reranker(layout: ModelLayout) -> None:
    layout.reranker.write_bytes(layout.reranker.read_bytes()[:-100])


def reshape_reranker(layout: ModelLayout) -> None:
    weights = load_file(layout.reranker)
    save_file({**weights, "mean": weights["mean"][:-1].clone()}, layout.reranker)


def leave_out(layout: ModelLayout) -> None:
    weights = {name: tensor for name, tensor in load_file(layout.weights).items() if name != "text.tokens"}
    save_file(weights, layout.weights)


def reshape(layout: ModelLayout) -> None:
    save_file(
        {name: tensor.clone() if name != "text.tokens" else tensor[:-1].clone() for name, tensor in load_file(layout.weights).items()},
        layout.weights,
    )


def test_what_is_saved_comes_back(tiny_graph, tmp_path):
    config = tiny_config(user={"attention_length": 5})
    towers = random_towers(tiny_graph, config)
    tokenizer = train_tokenizer(training_texts(tiny_graph), config.text)
    save_model(tmp_path / "model", tiny_graph, config, towers, None, {"steps": 3}, {"torch": "2"})
    model = open_model(tmp_path / "model")
    assert model.config == config
    assert model.towers.text.tokenizer.to_str() == tokenizer.to_str()
    assert model.graph.path == tiny_graph.path.resolve()
    assert (model.manifest.training, model.manifest.versions) == ({"steps": 3}, {"torch": "2"})
    for name, parameter in towers.named_parameters():
        assert torch.equal(model.towers.get_parameter(name), parameter), name
    users, queries = np.arange(15, dtype=np.int32), np.arange(15, dtype=np.int32)
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    pair = [NodeEncoder(towers, InputSampler(tiny_graph, config), view), NodeEncoder(model.towers, model.inputs, view)]
    assert torch.equal(*(encoder.products for encoder in pair))
    assert torch.equal(*(encoder.encode_requests(users, queries) for encoder in pair))


def test_the_reranker_comes_back(tiny_graph, tmp_path):
    config = tiny_config(reranker={"half_life_days": [3, 9], "hidden": 5})
    torch.manual_seed(0)
    scorer = RerankScorer(len(feature_names(config.reranker, partner_relations(tiny_graph))), 5)
    scorer.standardise(torch.randn(20, len(scorer.mean)))
    save_model(tmp_path / "model", tiny_graph, config, random_towers(tiny_graph, config), scorer, {}, {})
    opened = open_model(tmp_path / "model").reranker
    assert opened is not None
    assert not opened.training
    saved, found = scorer.state_dict(), opened.state_dict()
    assert {"mean", "deviation", "others", "log_slope"} < saved.keys() == found.keys()
    assert all(torch.equal(saved[name], found[name]) for name in saved)


def test_a_reranker_that_is_gone_is_not_opened(fresh_model):
    opened = open_model(fresh_model)
    assert opened.reranker is not None
    save_model(fresh_model, opened.graph, opened.config, opened.towers, None, {}, {})
    assert open_model(fresh_model).reranker is None


def test_what_is_understood_comes_back_or_is_refused(tiny_graph, tmp_path):
    config = tiny_config()
    understanding = Understanding(lenders=LenderWeights(stems=1.5), confidence=ConfidenceWeights(threshold=0.25))
    towers = random_towers(tiny_graph, config)
    save_model(tmp_path / "model", tiny_graph, config, towers, None, {}, {}, understanding=understanding)
    assert open_model(tmp_path / "model").understanding == understanding
    save_model(tmp_path / "plain", tiny_graph, config, towers, None, {}, {})
    assert open_model(tmp_path / "plain").understanding == Understanding()
    file = ModelLayout(tmp_path / "model").understanding
    file.write_text(file.read_text().replace("0.25", "1.25"))
    with pytest.raises(ArtefactError, match="is damaged: its files differ from those that were written; train the model again"):
        open_model(tmp_path / "model")


def test_the_same_model_gives_the_same_bytes(tiny_graph, tmp_path):
    config = tiny_config()
    for name in ("one", "other"):
        save_model(tmp_path / name, tiny_graph, config, random_towers(tiny_graph, config), None, {}, {})
    for file in ("config.yaml", "tokenizer.json", "weights.safetensors", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_a_model_is_written_over_one_that_is_there(fresh_model):
    opened = open_model(fresh_model)
    with torch.no_grad():
        opened.towers.text.tokens.add_(1)
    save_model(fresh_model, opened.graph, opened.config, opened.towers, None, {}, {})
    again = open_model(fresh_model)
    assert torch.equal(again.towers.text.tokens, opened.towers.text.tokens)
    assert not list(fresh_model.glob(".*"))


def test_a_graph_that_was_moved_is_named(tiny_graph, fresh_model, tmp_path):
    gone = tmp_path / "gone"
    change_manifest(ModelLayout(fresh_model), graph=str(gone))
    with pytest.raises(
        ArtefactError, match=rf"graph of the model {re.escape(str(fresh_model))} is no longer in .*gone; say where it is with --graph"
    ):
        open_model(fresh_model)
    moved = shutil.copytree(tiny_graph.path, tmp_path / "moved")
    assert open_model(fresh_model, moved).graph.path == moved
    with pytest.raises(ArtefactError, match="there is no graph folder"):
        open_model(fresh_model, tmp_path / "nowhere")


def test_another_graph_is_refused(fresh_model, tmp_path):
    other = build(write_tiny_shop(tmp_path / "shop", seed=5), tmp_path / "other")
    with pytest.raises(ArtefactError, match=r"was trained on another graph than .*other \(hash \w+, got \w+\); give its own with --graph"):
        open_model(fresh_model, other.path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda layout: shutil.rmtree(layout.root), r"there is no model folder .*; make one with 'gnn-search train'"),
        (lambda layout: layout.manifest.unlink(), r"is not a model folder: model\.json is missing"),
        (
            lambda layout: (layout.manifest.unlink(), layout.metrics.write_text("")),
            r"the training in .* has not ended; go on with 'gnn-search train --resume'",
        ),
        (lambda layout: layout.manifest.write_text('{"name": '), r"model\.json is damaged \(.*\); train the model again"),
        (lambda layout: layout.manifest.write_text("[]"), r"model\.json is damaged \(expected a JSON object, got list\)"),
        (lambda layout: change_manifest(layout, format_version=99), r"model\.json is of format version 99, this program reads \d+; train"),
        (lambda layout: change_manifest(layout, dimension="wide"), r"model\.json is damaged \(.*dimension.*\); train the model again"),
        (lambda layout: change_manifest(layout, colour="red"), r"model\.json is damaged \(.*colour.*\); train the model again"),
        (lambda layout: layout.weights.unlink(), r"is damaged: weights\.safetensors is missing; train the model again"),
        (lambda layout: layout.tokenizer.unlink(), r"is damaged: tokenizer\.json is missing; train the model again"),
        (lambda layout: layout.reranker.unlink(), r"is damaged: reranker\.safetensors is missing; train the model again"),
        (
            lambda layout: (reshape_reranker(layout), forge(layout)),
            r"reranker\.safetensors is damaged \(.*size mismatch.*\); train the model",
        ),
        (lambda layout: (cut_reranker(layout), forge(layout)), r"reranker\.safetensors is damaged \(.*\); train the model again"),
        (lambda layout: layout.config.unlink(), r"is damaged: config\.yaml is missing; train the model again"),
        (cut, "is damaged: its files differ from those that were written; train the model again"),
        (
            lambda layout: layout.config.write_text(layout.config.read_text().replace("temperature: 0.06", "temperature: 0.07")),
            "is damaged: its files differ from those that were written; train the model again",
        ),
        (lambda layout: (cut(layout), forge(layout)), r"weights\.safetensors is damaged \(.*\); train the model again"),
        (lambda layout: (leave_out(layout), forge(layout)), r"does not fit .*config\.yaml: it lacks or adds text\.tokens; train the model"),
        (lambda layout: (reshape(layout), forge(layout)), r"weights\.safetensors is damaged \(.*size mismatch.*\); train the model again"),
    ],
)
def test_damage_is_named(fresh_model, damage, message):
    damage(ModelLayout(fresh_model))
    with pytest.raises(ArtefactError, match=message) as caught:
        open_model(fresh_model)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_whole_opens(fresh_model):
    assert open_model(fresh_model).manifest.dimension == 16
