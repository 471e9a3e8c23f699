"""ONNX Runtime and the file beside the network give the vectors that the text tower gives."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from models import write_model
from onnx_folders import needs_onnx
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from gnn_search.errors import ConfigError
from gnn_search.model.bag_tower import BagTower
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.text_encoder import TermHasher, TextPieces
from gnn_search.model.text_tower import TextTower
from gnn_search.trained.model import open_model
from gnn_search.vectors.onnx.text_tower import write_onnx_text_tower
from gnn_search.vectors.onnx.write import OnnxTextTower, open_session
from gnn_search.vectors.pieces import PieceSettings

needs_onnx()

TEXTS = [
    "bread 0",
    "CRÈME  brûlée",
    "garten & möbel 1",
    "東京 bread",
    "🍞🍞",
    "",
    "   ",
    "[UNK]",
    "[UNK] tea",
    "tea 333 " * 40,
    "x" * 500,
    "braed 0",
    "苹果手机壳",
]


@pytest.fixture(scope="module", params=[("static", "terms"), ("static",), ("terms",)], ids="+".join)
def both(request, tiny_graph, tmp_path_factory):
    model = open_model(write_model(tiny_graph, tmp_path_factory.mktemp("model") / "model", parts=request.param), tiny_graph.path)
    folder = tmp_path_factory.mktemp("onnx")
    info = write_onnx_text_tower(folder, model)
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    return OnnxTextTower(folder, info), lambda texts: encoder.encode_texts(texts).numpy(), folder, model


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_same_vectors_in_any_batch(both, batch):
    theirs, ours, _, _ = both
    texts = (TEXTS * 64)[:batch]
    assert np.allclose(theirs(texts), ours(texts), rtol=0, atol=1e-5)
    assert np.abs(ours(texts)).max() > 0.1


@given(st.lists(st.text(max_size=200), min_size=1, max_size=8))
def test_same_vectors_for_any_text(both, texts):
    theirs, ours, _, _ = both
    storable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    assert np.allclose(theirs(storable), ours(storable), rtol=0, atol=1e-5)


def test_a_text_without_a_known_piece_is_zero_whatever_stands_beside_it(both):
    theirs, _, _, _ = both
    for texts in ([""], ["", "   ", "🍞🍞"], ["", "bread 0"]):
        vectors = theirs(texts)
        assert vectors.shape == (len(texts), 16)
        assert not vectors[0].any()
    assert np.isclose(np.linalg.norm(theirs(["", "bread 0"])[1]), 1, atol=1e-5)


def test_padding_counts_nothing_whatever_token_stands_there(both):
    _, ours, folder, model = both
    session = open_session(folder / "text_tower.onnx")
    pieces = TextPieces(PieceSettings.of(model.towers.text).model_dump(), model.towers.text.tokenizer)(["bread 0"])[1].tolist()
    width = len(pieces) + 3
    ids = np.array([[*pieces, 5, 6, 7], [9, 8, 7, *pieces]], dtype=np.int64)
    mask = (np.arange(width) < len(pieces)) == np.array([[True], [False]])
    mask[1] = np.arange(width) >= 3
    found = session.run(["vector"], {"input_ids": ids, "attention_mask": mask.astype(np.int64)})[0]
    assert np.allclose(found, ours(["bread 0"]), rtol=0, atol=1e-5)


def test_a_tokenizer_that_adds_tokens_of_its_own_adds_none_here(tiny_model, tmp_path):
    model = open_model(tiny_model)
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "tea": 2, "bread": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    tokenizer.enable_truncation(2)
    tower = BagTower(model.graph, 16, tokenizer, None)
    model.towers.text = tower
    theirs = OnnxTextTower(tmp_path, write_onnx_text_tower(tmp_path, model))
    texts = ["tea", "tea bread", "what tea", "tea tea bread"]
    expected = torch.nn.functional.normalize(tower(texts), dim=1).detach().numpy()
    assert np.allclose(theirs(texts), expected, rtol=0, atol=1e-5)
    assert np.allclose(theirs(["tea"]), theirs(["tea tea bread"]), atol=1e-6)


def test_says_how_texts_are_cut(both):
    _, _, folder, model = both
    info, tower = write_onnx_text_tower(folder, model), model.towers.text
    assert (info.buckets, info.grams) == ((512, (3, 4)) if tower.hasher is not None else (0, ()))
    if tower.tokenizer is None:
        assert (info.vocabulary, info.max_tokens, info.max_characters) == (0, None, None)
        assert not (folder / "tokenizer.json").exists()
        return
    assert (info.max_tokens, info.vocabulary) == (8, tower.tokenizer.get_vocab_size())
    assert info.max_characters is not None
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert content["truncation"]["max_length"] == 8


class _Transformer(TextTower):
    forward = nodes = knows = save = None  # type: ignore[assignment]


def test_a_transformer_is_refused(tiny_model, tmp_path):
    model = open_model(tiny_model)
    model.towers.text = _Transformer()
    with pytest.raises(ConfigError, match=r"the text tower of .*model has a transformer, which is not written as ONNX; leave ONNX out"):
        write_onnx_text_tower(tmp_path, replace(model))
    assert not list(tmp_path.iterdir())


def test_a_table_of_terms_alone_hashes_as_the_definition_says(tiny_model, tmp_path):
    model = open_model(tiny_model)
    tower = model.towers.text = BagTower(model.graph, 16, None, TermHasher(4096, (2, 5)))
    theirs = OnnxTextTower(tmp_path, write_onnx_text_tower(tmp_path, model))
    expected = torch.nn.functional.normalize(tower(TEXTS), dim=1).detach().numpy()
    assert np.allclose(theirs(TEXTS), expected, rtol=0, atol=1e-5)
    assert np.linalg.norm(theirs(["苹果手机壳"])) > 0.99
