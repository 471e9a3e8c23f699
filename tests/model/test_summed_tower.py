"""A bag and a transformer added up: the sum, what learns, and what a model folder keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from towers import tiny_config
from transformer_folders import write_tiny_transformer

from gnn_search.errors import ConfigError
from gnn_search.layout import ModelLayout
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.summed_tower import SummedTower
from gnn_search.model.text_towers import make_text_tower
from gnn_search.trained.model import open_model, save_model
from gnn_search.training.loop import train
from gnn_search.vectors.onnx.text_tower import write_onnx_text_tower
from gnn_search.vectors.text_model import write_text_model

TEXTS = ["bread 0", "never asked", "", "braed", "tea 1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_transformer(tmp_path_factory.mktemp("transformers") / "tiny")


def config_for(folder, frozen: bool = True, **text):
    text = {"parts": ["static", "terms", "transformer"], "transformer": str(folder), "frozen": frozen, "max_tokens": 12, **text}
    return tiny_config(text=text, loop={"batch_size": 128, "refresh_every": 2, "validate_every": 2})


@pytest.fixture(scope="module", params=[True, False], ids=["frozen", "learning"])
def trained(request, folder, tiny_graph, tmp_path_factory):
    """Return the training's result and the model folder."""
    out, config = tmp_path_factory.mktemp("trained") / "model", config_for(folder, request.param)
    result = train(config, tiny_graph, out)
    save_model(out, tiny_graph, config, result.towers, None, {}, {})
    return result, out


@torch.no_grad()
def test_the_sum_of_both_each_as_long_as_its_gain(folder, tiny_graph, tmp_path):
    tower = make_text_tower(config_for(folder).text, 16, tiny_graph, ModelLayout(tmp_path))
    assert isinstance(tower, SummedTower)
    tower.log_gain += 0.7
    tower.bag.log_gain -= 0.4
    unit = torch.nn.functional.normalize
    expected = unit(tower.bag(TEXTS), dim=1) * np.exp(-0.4) + unit(tower.transformer(TEXTS), dim=1) * np.exp(0.7)
    torch.testing.assert_close(tower(TEXTS), expected, rtol=0, atol=1e-5)
    queries = tiny_graph.nodes("query")["query"]
    rows = np.array([4, 0, 4], np.int32)
    torch.testing.assert_close(tower.nodes("query", rows), tower(queries.gather(rows).to_list()), rtol=0, atol=1e-5)
    assert tower.nodes("product").shape == (tiny_graph.num_nodes["product"], 16)


@pytest.mark.parametrize("parts", [["static", "transformer"], ["terms", "transformer"], ["transformer", "static", "terms"]])
def test_any_parts_make_a_sum(folder, tiny_graph, tmp_path, parts):
    tower = make_text_tower(config_for(folder, parts=parts).text, 16, tiny_graph, ModelLayout(tmp_path))
    assert isinstance(tower, SummedTower)
    assert ("static" in parts, "terms" in parts) == (tower.bag.tokenizer is not None, tower.bag.hasher is not None)


def test_all_weights_learn(folder, tiny_graph, tmp_path):
    tower = make_text_tower(config_for(folder, frozen=False).text, 16, tiny_graph, ModelLayout(tmp_path))
    tower(TEXTS)[:, 0].sum().backward()
    names = {name for name, weight in tower.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert not {name for name in names if not name.startswith("transformer.transformer.")}
    assert any(name.startswith("transformer.transformer.") and name not in names for name, _ in tower.named_parameters())


def test_what_is_saved_comes_back(trained):
    result, out = trained
    model = open_model(out)
    assert {"tokenizer.json", "text_vectors.safetensors"} < set(model.manifest.files)
    before = NodeEncoder(result.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    after = NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    torch.testing.assert_close(after.encode_texts(TEXTS), before.encode_texts(TEXTS), rtol=0, atol=1e-5)
    torch.testing.assert_close(after.products, before.products, rtol=0, atol=1e-5)


def test_it_is_no_folder_of_its_own_and_no_onnx(trained, tmp_path):
    model = open_model(trained[1])
    with pytest.raises(ConfigError, match=r"adds a transformer to other parts is not written as a folder of its own; export other formats"):
        write_text_model(tmp_path / "text_tower", model.towers.text)
    with pytest.raises(ConfigError, match=r"has a transformer, which is not written as ONNX; leave ONNX out, or train without"):
        write_onnx_text_tower(tmp_path, model)
    assert not list(tmp_path.iterdir())
