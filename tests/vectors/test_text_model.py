"""The model2vec package gives the vectors that the text tower gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import write_model

from gnn_search.layout import FORMAT_VERSION, read_json
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.model.text_encoder import TextEncoder
from gnn_search.model.tokens import most_characters
from gnn_search.trained.model import open_model
from gnn_search.vectors.text_model import write_text_model

TEXTS = [
    "bread 0",
    "CRÈME  brûlée",
    "garten & möbel 1",
    "東京 bread",
    "🍞🍞",
    "ﬁne bread",
    "½ l milk",
    "",
    "   ",
    "[UNK]",
    "bread 1 cake 22 tea 333 " * 40,
    "x" * 500,
    "bread\x00tea",
    "B\u0307erries",
]


@pytest.fixture(scope="module")
def static_model(tiny_graph, tmp_path_factory):
    return write_model(tiny_graph, tmp_path_factory.mktemp("static") / "model", parts=("static",))


@pytest.fixture(scope="module")
def both(static_model, tmp_path_factory):
    model2vec = pytest.importorskip("model2vec")
    model = open_model(static_model)
    folder = tmp_path_factory.mktemp("static") / "text_tower"
    write_text_model(folder, model.towers.text)
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    static = model2vec.StaticModel.from_pretrained(folder)

    def ours(texts):
        return encoder.encode_texts(texts).numpy()

    return static, ours, model


def test_same_vectors(both):
    static, ours, _ = both
    assert np.allclose(static.encode(TEXTS), ours(TEXTS), atol=1e-5)


@given(st.lists(st.text(max_size=200), min_size=1, max_size=8))
def test_same_vectors_for_any_text(both, texts):
    static, ours, _ = both
    storable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    assert np.allclose(static.encode(storable), ours(storable), atol=1e-5)


def test_same_vectors_for_every_text_of_the_shop(both):
    static, ours, model = both
    for node_type, column in (("product", "title"), ("query", "query"), ("category", "name")):
        texts = model.graph.nodes(node_type)[column].to_list()
        assert np.allclose(static.encode(texts), ours(texts), atol=1e-5)


def test_a_text_without_a_known_token_is_zero_in_both(both):
    static, ours, _ = both
    for text in ("", "   ", "🍞🍞"):
        assert not static.encode([text]).any()
        assert not ours([text]).any()


def test_long_texts_are_cut_alike(both):
    static, ours, model = both
    most = most_characters(model.towers.text.tokenizer)
    assert most is not None
    # Tokens shorter than the median meet the limit on tokens, longer ones that on characters.
    for text in ("tea " * 30, "0 " * 30, "organic " * 30, " " * most + "tea"):
        assert np.allclose(static.encode([text]), ours([text]), atol=1e-5), text
    assert not ours([" " * most + "tea"]).any()


@pytest.fixture(scope="module")
def sentence_model(static_model, tmp_path_factory):
    api = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed; it is the extra 'transformer'")
    model = open_model(static_model)
    folder = tmp_path_factory.mktemp("static") / "text_tower"
    write_text_model(folder, model.towers.text)
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    return api.SentenceTransformer(str(folder), device="cpu"), lambda texts: encoder.encode_texts(texts).numpy(), model


def test_sentence_transformers_gives_the_same_vectors(sentence_model):
    sentences, ours, model = sentence_model
    most = most_characters(model.towers.text.tokenizer)
    texts = [*TEXTS, "organic " * 30, "bread" + " " * most + "tea", "🍞 bread [UNK] 東", *model.graph.nodes("product")["title"]]
    assert np.allclose(sentences.encode(texts), ours(texts), atol=1e-5)
    assert not sentences.encode(["🍞🍞", ""]).any()


@given(st.lists(st.text(max_size=200), min_size=1, max_size=8))
def test_sentence_transformers_gives_the_same_vectors_for_any_text(sentence_model, texts):
    sentences, ours, _ = sentence_model
    storable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    assert np.allclose(sentences.encode(storable), ours(storable), atol=1e-5)


def test_terms_make_a_folder_that_only_its_own_file_opens(tiny_model, tmp_path):
    model = open_model(tiny_model)
    folder = tmp_path / "text_tower"
    write_text_model(folder, model.towers.text)
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors", "text_encoder.py", "tokenizer.json"]
    config = read_json(folder / "config.json", "a text tower")
    assert config == {
        "model_type": "gnn-search text encoder",
        "format_version": FORMAT_VERSION,
        "normalize": True,
        "dimension": 16,
        "vocabulary": model.towers.text.tokenizer.get_vocab_size(),
        "max_tokens": 8,
        "max_characters": most_characters(model.towers.text.tokenizer),
        "buckets": 512,
        "grams": [3, 4],
    }
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(model.graph.manifest.test_start))
    texts = [*TEXTS, *model.graph.nodes("product")["title"], *model.graph.nodes("query")["query"]]
    assert np.abs(TextEncoder(folder)(texts) - encoder.encode_texts(texts).numpy()).max() < 1e-5
