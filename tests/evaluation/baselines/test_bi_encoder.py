from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest

from gnn_search.config.baselines import BiEncoderSettings
from gnn_search.errors import ConfigError, MissingExtraError
from gnn_search.evaluation.baselines.bi_encoder import BiEncoder, find_model, load_encoder
from gnn_search.evaluation.baselines.build import build_baselines

WORDS = ("apple", "pear", "red", "acme", "vegetable")


def count_words(texts):
    """A stand-in for an encoder: one axis a word, and one for a text without any."""
    vectors = np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=np.float32)
    vectors = np.column_stack([vectors, ~vectors.any(axis=1)]).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_ranking_by_cosine_is_the_same_for_everyone(fruit_shop):
    encoded = []
    ranker = BiEncoder(fruit_shop, lambda texts: encoded.append(list(texts)) or count_words(texts))
    assert encoded[0][:2] == ["red apple acme fruit > apple", "green apple fruit > apple"]
    texts = fruit_shop.nodes("query")["query"].to_list()
    query = np.array([texts.index("apple"), texts.index("pear"), texts.index("apple")], dtype=np.int32)
    found = ranker.rank(np.array([0, 1, -1], dtype=np.int32), query, 3)
    # p1 says apple alone; p0 says it twice beside two other words.
    assert found.product[:, :2].tolist() == [[1, 0], [2, 0], [1, 0]]
    assert found.score[0, :2].tolist() == pytest.approx([1.0, 2 / 6**0.5])
    again = ranker.rank(np.array([0], dtype=np.int32), query[1:2], 3)
    assert again.product[0].tolist() == found.product[1].tolist()
    assert [sorted(texts) for texts in encoded[1:]] == [["apple", "pear"]], "each query once"


def test_equal_texts_are_encoded_once(make_graph):
    products = [("p0", "apple", None, None), ("p1", "pear", None, None), ("p2", "apple", None, None)]
    graph = make_graph(products, [("ann", "apple", "p0", day, "purchase", f"s{day}", "f") for day in (1, 12, 22)])
    encoded = []
    ranker = BiEncoder(graph, lambda texts: encoded.append(list(texts)) or count_words(texts))
    assert encoded == [["apple", "pear"]]
    assert ranker.rank(np.array([0], dtype=np.int32), np.array([0], dtype=np.int32), 3).product.tolist() == [[0, 2, 1]]


def test_without_the_extra_its_name_and_what_to_do_are_said(fruit_shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"needs .* sentence-transformers, .* run: pip install 'gnn-search\[transformer\]'"):
        build_baselines(fruit_shop, fruit_shop.manifest.test_start, ["minilm"])


def test_an_absent_model_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"'package:no_such_package' is in no installed Python package; run: pip install no-such-package"):
        find_model("package:no_such_package")
    with pytest.raises(ConfigError, match=r"expected a sentence-transformers model, a folder with modules.json, in .*; correct 'model'"):
        find_model(str(tmp_path))
    installed = ModuleType("sentence_transformers")
    installed.__spec__ = ModuleSpec("sentence_transformers", None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", installed)
    with pytest.raises(ConfigError, match=r"correct 'model' in minilm.yaml"):
        load_encoder(BiEncoderSettings(model=str(tmp_path), batch_size=8))


def test_a_model_inside_a_package_is_found(tmp_path, monkeypatch):
    folder = tmp_path / "packed_model" / "model"
    folder.mkdir(parents=True)
    (tmp_path / "packed_model" / "__init__.py").touch()
    (folder / "modules.json").write_text("[]")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("package:packed_model") == folder
    assert find_model(str(folder)) == folder


def test_a_pickle_is_never_read(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ConfigError, match=r"has pytorch_model.bin, a pickle, which is never read; save it as safetensors"):
        find_model(str(tmp_path))
    (tmp_path / "model.safetensors").touch()
    assert find_model(str(tmp_path)) == tmp_path
