"""The transformer tower, frozen and learning: the same vectors after saving, resuming and in the exported folder."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional
from towers import tiny_config
from transformer_folders import WIDTH, write_tiny_transformer

from gnn_search.errors import ArtefactError, ConfigError, MissingExtraError
from gnn_search.graph.texts import product_texts
from gnn_search.layout import ModelLayout
from gnn_search.model import transformer_tower
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.text_towers import make_text_tower
from gnn_search.model.transformer_tower import DistinctTexts, load_transformer
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model, save_model
from gnn_search.trained.node_embeddings import encode_nodes
from gnn_search.training.checkpoint import load_checkpoint
from gnn_search.training.loop import StepReport, train
from gnn_search.vectors.text_model import write_text_model

TEXTS = ["bread 0", "never asked", "", "x" * 90, "tea 1"]


class KilledError(Exception):
    """Stands for whatever ends a run early."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_transformer(tmp_path_factory.mktemp("transformers") / "tiny")


def config_for(folder, frozen: bool, **loop):
    text = {"parts": ["transformer"], "transformer": str(folder), "frozen": frozen, "max_tokens": 12}
    loop = {"batch_size": 128, "refresh_every": 2, "validate_every": 2, **loop}
    return tiny_config(text=text, optimiser={"transformer_learning_rate": 0.01}, loop=loop)


@pytest.fixture(scope="module")
def trained(folder, tiny_graph, tmp_path_factory):
    """Return by `frozen`: the configuration, the training's result, the model folder."""
    found = {}
    for frozen in (True, False):
        out = tmp_path_factory.mktemp("trained") / "model"
        config = config_for(folder, frozen)
        result = train(config, tiny_graph, out)
        save_model(out, tiny_graph, config, result.towers, None, {}, {})
        found[frozen] = config, result, out
    return found


def encoder_of(model) -> NodeEncoder:
    return NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))


def test_each_text_is_kept_once_and_found_again(tiny_graph):
    texts = DistinctTexts(tiny_graph)
    assert texts.texts == sorted(set(texts.texts))
    assert [texts.texts[row] for row in texts.of("product", None)] == product_texts(tiny_graph.nodes("product"))
    queries = tiny_graph.nodes("query")["query"]
    assert [texts.texts[row] for row in texts.of("query", np.array([4, 0], np.int32))] == [queries[4], queries[0]]
    assert [texts.places[text] for text in texts.texts[:3]] == [0, 1, 2]


@pytest.mark.parametrize("frozen", [True, False])
def test_the_tower_gives_the_projected_vectors_of_the_transformer(folder, tiny_graph, tmp_path, frozen):
    tower = make_text_tower(config_for(folder, frozen).text, 16, tiny_graph, ModelLayout(tmp_path))
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(folder), device="cpu")
    plain.max_seq_length = 12
    queries = tiny_graph.nodes("query")["query"].to_list()
    with torch.no_grad():
        for texts, found in ((TEXTS, tower(TEXTS)), (queries, tower.nodes("query"))):
            expected = tower.projection(torch.from_numpy(plain.encode(texts, normalize_embeddings=True)))
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        rows = np.array([5, 1, 5], np.int32)
        torch.testing.assert_close(tower.nodes("query", rows), tower.nodes("query")[[5, 1, 5]], rtol=0, atol=1e-5)
    assert tower.projection.weight.shape == (16, WIDTH)
    assert tower.knows(["tea", " "]).tolist() == [True, False]


def test_a_frozen_transformer_encodes_each_text_once(folder, tiny_graph, tmp_path, monkeypatch):
    encoded: list[int] = []

    def embed(model, texts):
        encoded.append(len(texts))
        return transformer_tower.transformer_vectors(model, texts)

    monkeypatch.setattr("gnn_search.model.text_towers.transformer_vectors", embed)
    first = make_text_tower(config_for(folder, True).text, 16, tiny_graph, ModelLayout(tmp_path))
    again = make_text_tower(config_for(folder, True).text, 16, tiny_graph, ModelLayout(tmp_path))
    assert encoded == [len(DistinctTexts(tiny_graph).texts)]
    assert torch.equal(first.nodes("product"), again.nodes("product"))
    other = write_tiny_transformer(tmp_path / "other", seed=5)
    with pytest.raises(ArtefactError, match=r"text_vectors\.safetensors is of another transformer than .*other; put back the one"):
        make_text_tower(config_for(other, True).text, 16, tiny_graph, ModelLayout(tmp_path))


@pytest.mark.parametrize("frozen", [True, False])
def test_what_is_saved_comes_back(trained, frozen):
    config, result, out = trained[frozen]
    model = open_model(out)
    assert model.config == config
    assert sorted(model.manifest.files) == ["config.yaml", "text_vectors.safetensors", "weights.safetensors"]
    assert not [name for name, _ in model.towers.named_parameters() if "transformer" in name]
    before = NodeEncoder(result.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    after = encoder_of(model)
    torch.testing.assert_close(after.products, before.products, rtol=0, atol=1e-5)
    torch.testing.assert_close(after.encode_texts(TEXTS), before.encode_texts(TEXTS), rtol=0, atol=1e-5)
    assert (out / "transformer").is_dir() is not frozen


@pytest.mark.parametrize("frozen", [True, False])
def test_a_model_for_sentence_transformers_gives_the_same_vectors(trained, tmp_path, frozen):
    model = open_model(trained[frozen][2])
    write_text_model(tmp_path / "text_tower", model.towers.text)
    from sentence_transformers import SentenceTransformer

    texts = TEXTS + model.graph.nodes("query")["query"].to_list() + product_texts(model.graph.nodes("product"))
    found = SentenceTransformer(str(tmp_path / "text_tower"), device="cpu").encode(texts)
    assert np.allclose(found, encoder_of(model).encode_texts(texts).numpy(), atol=1e-5)


def test_only_a_transformer_that_learns_changes(folder, trained):
    source = load_transformer(folder, 12)
    learned = load_transformer(trained[False][2] / "transformer", 12)
    before, after = source.state_dict(), learned.state_dict()
    assert before.keys() == after.keys()
    assert not torch.equal(before["0.model.embeddings.word_embeddings.weight"], after["0.model.embeddings.word_embeddings.weight"])
    text = trained[True][1].towers.text
    assert [name for name, _ in text.named_parameters()] == ["projection.weight"]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_broken_run_goes_on_to_the_same_bytes(folder, trained, tiny_graph, tmp_path, frozen):
    config, whole, _ = trained[frozen]

    def kill(report: StepReport) -> None:
        if report.step == 3:
            raise KilledError

    with pytest.raises(KilledError):
        train(config, tiny_graph, tmp_path / "model", listener=kill)
    result = train(config, tiny_graph, tmp_path / "model", resume=True)
    expected = dict(whole.towers.named_parameters())
    assert result.total_steps > 3
    for name, parameter in result.towers.named_parameters():
        assert torch.equal(parameter, expected[name]), name
    saved = load_checkpoint(ModelLayout(tmp_path / "model").checkpoint)
    assert saved is not None
    assert any(name.startswith("text.transformer.") for name in saved.model) is not frozen


def test_known_texts_need_no_transformer(trained, monkeypatch):
    model = open_model(trained[True][2])
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    retriever = Retriever(model, RankingOptions("vector"))
    assert len(retriever.search("bread 0", k=3)) == 3
    with pytest.raises(MissingExtraError, match=r"needs sentence_transformers, which is not installed; run: pip install 'gnn-search\[tr"):
        retriever.search("never asked", k=3)


def test_new_queries_are_encoded_by_the_transformer(trained):
    model = open_model(trained[True][2])
    encoder = RequestEncoder(model, encode_nodes(model, model.graph.manifest.test_start))
    encoded = encoder.encode(np.array([-1, 3], np.int32), pl.Series(["never asked", "bread 0"]))
    expected = (encoder_of(model).encode_texts(["never asked"]) @ encoder_of(model).products.T).topk(5).indices
    assert (encoded.vector @ encoder.nodes.products.T).topk(5).indices[0].tolist() == expected[0].tolist()
    assert encoded.understood.tolist() == [True, True]


def test_a_transformer_that_is_gone_or_changed_is_named(folder, tiny_graph, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    tower = make_text_tower(config_for(copy, True).text, 16, tiny_graph, ModelLayout(tmp_path / "model"))
    config = copy / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(
        ArtefactError, match=r"is not the one that the model was trained with \(its files have changed\); put that one back"
    ):
        tower(["never asked"])
    shutil.rmtree(copy)
    with pytest.raises(ArtefactError, match=r"encoded by the transformer in .*copy, which is gone; put it back, or train the model again"):
        tower(["never asked"])


def test_a_moved_model_takes_its_own_transformer_along(trained, tmp_path):
    moved = shutil.copytree(trained[False][2], tmp_path / "moved")
    model = open_model(moved)
    assert model.towers.text.source.folder == moved / "transformer"
    assert encoder_of(model).encode_texts(["never asked"]).norm().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("content", ["", "not safetensors"])
def test_damaged_text_vectors_are_named(trained, tiny_graph, folder, tmp_path, content):
    (tmp_path / "text_vectors.safetensors").write_text(content)
    with pytest.raises(ArtefactError, match=r"text_vectors\.safetensors is damaged \(.*\); train the model again"):
        make_text_tower(config_for(folder, True).text, 16, tiny_graph, ModelLayout(tmp_path))
    copy = shutil.copytree(trained[True][2], tmp_path / "copy")
    (copy / "text_vectors.safetensors").unlink()
    with pytest.raises(ArtefactError, match=r"is damaged: text_vectors\.safetensors is missing; train the model again"):
        open_model(copy)


def test_what_is_no_transformer_is_named(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"is no folder of a sentence-transformers model; expected modules\.json in it"):
        load_transformer(tmp_path, 12)
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"pytorch_model\.bin is a pickle, which is never read"):
        load_transformer(pickled, 12)
    (pickled / "pytorch_model.bin").unlink()
    with pytest.raises(ConfigError, match=r"the sentence-transformers model in .*pickled can't be loaded"):
        load_transformer(pickled, 12)


def test_texts_of_any_length_and_number(folder):
    model = load_transformer(folder, 12)
    with torch.no_grad():
        assert transformer_tower.transformer_vectors(model, []).shape == (0, WIDTH)
        vectors = transformer_tower.transformer_vectors(model, TEXTS)
        alone = torch.cat([transformer_tower.transformer_vectors(model, [text]) for text in TEXTS])
    torch.testing.assert_close(vectors, alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(vectors, functional.normalize(vectors, dim=1), rtol=0, atol=1e-6)


def test_chunks_change_no_gradient(folder):
    gradients = []
    for chunk in (128, 2):
        model = load_transformer(folder, 12)
        (transformer_tower.transformer_vectors(model, TEXTS, chunk) @ torch.arange(float(WIDTH))).sum().backward()
        gradients.append(dict(model.named_parameters())["0.model.embeddings.word_embeddings.weight"].grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
    assert gradients[0].abs().sum() > 0


def test_without_the_extra_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(
        MissingExtraError, match=r"the text part transformer needs sentence_transformers, .* pip install 'gnn-search\[transf"
    ):
        load_transformer(tmp_path, 12)


def test_a_transformer_needs_a_folder():
    with pytest.raises(ValidationError, match="the part transformer needs transformer, the folder of a sentence-transformers model"):
        tiny_config(text={"parts": ["transformer"]})
