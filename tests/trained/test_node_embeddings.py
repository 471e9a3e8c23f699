"""What is kept beside the weights equals what is computed anew, and is checked when it is opened."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gnn_search.errors import ArtefactError
from gnn_search.retrieval.rankers.build import best_case_ranker
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import encode_nodes, open_node_embeddings, save_node_embeddings


@pytest.fixture
def model(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    return open_model(folder)


def test_kept_and_computed_are_the_same(model):
    kept, computed = open_node_embeddings(model), encode_nodes(model, model.graph.manifest.test_start)
    assert set(kept.vectors) == set(computed.vectors) == {"product", "query", "category", "user"}
    assert all(np.array_equal(kept.vectors[name], computed.vectors[name]) for name in kept.vectors)
    assert kept.factors.ranks == computed.factors.ranks == model.config.reranker.factors
    assert kept.factors.user.any()
    assert np.array_equal(kept.factors.user, computed.factors.user)
    assert np.array_equal(kept.factors.product, computed.factors.product)


def test_the_reranker_reads_what_is_kept(model, monkeypatch):
    user, query = np.arange(5, dtype=np.int32), np.arange(5, dtype=np.int32)
    computed = best_case_ranker(model, encode_nodes(model, model.graph.manifest.test_start)).rank(user, query, 10)
    monkeypatch.setattr("gnn_search.rerank.collaborative.svds", None)
    kept = best_case_ranker(model, open_node_embeddings(model)).rank(user, query, 10)
    assert np.array_equal(kept.product, computed.product)
    assert np.array_equal(kept.score, computed.score)


def test_another_time_is_computed(model):
    earlier = open_node_embeddings(model, model.graph.manifest.validation_start)
    kept = open_node_embeddings(model)
    assert earlier.as_of < kept.as_of
    assert not np.array_equal(earlier.factors.user, kept.factors.user)


@pytest.mark.parametrize("name", ["product", "user", "user_factors", "product_factors"])
@pytest.mark.parametrize("damage", ["cut", "gone", "narrow"])
def test_a_damaged_file_is_refused(model, name, damage):
    file = model.layout.node_embeddings / f"{name}.npy"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "gone":
        file.unlink()
    else:
        np.save(file, np.load(file)[:, :-1])
    with pytest.raises(ArtefactError, match=rf"{name}.npy is damaged.* remove .*node_embeddings, and it is made anew"):
        open_node_embeddings(model)


def test_vectors_of_another_model_are_refused(model):
    text = (model.layout.node_embeddings / "vectors.json").read_text()
    (model.layout.node_embeddings / "vectors.json").write_text(text.replace(model.manifest.hash, "0" * len(model.manifest.hash)))
    with pytest.raises(ArtefactError, match="were made by another model than"):
        open_node_embeddings(model)


def test_a_model_without_a_reranker_has_no_factors(model):
    model.layout.reranker.unlink()
    plain = replace(model, reranker=None)
    save_node_embeddings(plain, encode_nodes(plain, model.graph.manifest.test_start))
    assert sorted(path.name for path in plain.layout.node_embeddings.iterdir()) == sorted(
        [*(f"{name}.npy" for name in ("product", "query", "category", "user")), "vectors.json"]
    )
    assert open_node_embeddings(plain).factors is None
