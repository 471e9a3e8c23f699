"""Options of ranking: which folders they take, and that filters hold in each channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import write_model
from rankers import encode_texts

from gnn_search.arrays import PADDING
from gnn_search.errors import ArtefactError, RequestError
from gnn_search.graph.store import to_datetime
from gnn_search.index.boosting.boost import build_boost, open_boost, save_boost
from gnn_search.index.model_products import products_to_index
from gnn_search.index.settings import IndexSettings
from gnn_search.index.store import build_index
from gnn_search.retrieval.options import open_ranking_options
from gnn_search.retrieval.rankers.build import build_ranker
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

USER, TEXTS = np.array([-1, 2, 3, 9], np.int32), ["bread 0", "never asked", "red tea", "🍞"]


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def embeddings(model):
    return open_node_embeddings(model)


@pytest.fixture(scope="module")
def folders(model, embeddings, tmp_path_factory):
    """An exact and an approximate index, boosts of two qualities and with three weights, and an index for one of the qualities."""
    out, ids = tmp_path_factory.mktemp("folders"), model.graph.nodes("product").to_series(0)
    for kind in ("flat", "fp16"):
        origin = {"model_hash": model.manifest.hash, "as_of": to_datetime(embeddings.as_of).isoformat()}
        build_index(embeddings.vectors["product"], ids, IndexSettings(kind=kind), embeddings.vectors["query"], out / kind, extra=origin)
    for name, quality, weights in (
        ("boost", "popularity", [0.5, 0.0]),
        ("reweighed", "popularity", [-0.2, 0.3]),
        ("unweighed", "popularity", [0.0, 0.0]),
        ("recency", "recency", [0.5, 0.0]),
    ):
        boost = replace(build_boost(model.graph, [quality]), weights={"purchase": np.array(weights, np.float32)})
        save_boost(out / name, boost, model, {})
    products = products_to_index(model, embeddings, 10, boost=open_boost(out / "boost", model))
    build_index(products.vectors, products.ids, IndexSettings(kind="flat"), products.queries, out / "boosted", extra=products.origin)
    return out


def lists(model, embeddings, options, allowed=None, k=8):
    encoder = RequestEncoder(model, embeddings)
    return build_ranker(model, embeddings, encoder, options).rank(encode_texts(encoder, USER, TEXTS), k, allowed)


def test_an_index_that_was_made_before_gives_the_same_lists(model, embeddings, folders):
    plain = lists(model, embeddings, open_ranking_options(model, "vector"))
    exact = lists(model, embeddings, open_ranking_options(model, "vector", index=folders / "flat"))
    assert np.array_equal(plain.product, exact.product)
    assert np.array_equal(plain.score, exact.score)
    near = lists(model, embeddings, open_ranking_options(model, "vector", index=folders / "fp16"))
    assert np.allclose(plain.score, near.score, atol=2e-3)
    reranked = lists(model, embeddings, open_ranking_options(model, "reranked", index=folders / "flat"))
    assert np.array_equal(reranked.product, lists(model, embeddings, open_ranking_options(model)).product)


def test_a_boost_changes_the_order(model, embeddings, folders):
    plain = lists(model, embeddings, open_ranking_options(model, "vector"), k=40)
    options = open_ranking_options(model, "vector", boost=folders / "boost")
    boosted = lists(model, embeddings, options, k=40)
    added = 0.5 * options.boost.at(model.graph.before(embeddings.as_of)).quality[:, 0]
    for row in range(len(TEXTS)):
        score = dict(zip(plain.product[row].tolist(), plain.score[row].tolist(), strict=True))
        wanted = [score[product] + added[product] for product in boosted.product[row].tolist()]
        assert np.allclose(boosted.score[row], wanted, atol=1e-5)
    assert not np.array_equal(plain.product, boosted.product)


def test_an_index_of_boosted_vectors_gives_the_same_lists_whatever_the_weights(model, embeddings, folders):
    for boost in ("boost", "reweighed", "unweighed"):
        exact = lists(model, embeddings, open_ranking_options(model, "vector", boost=folders / boost))
        found = lists(model, embeddings, open_ranking_options(model, "vector", index=folders / "boosted", boost=folders / boost))
        assert np.array_equal(exact.product, found.product)
        assert np.array_equal(exact.score, found.score)
    plain = lists(model, embeddings, open_ranking_options(model, "vector"))
    assert np.array_equal(plain.product, exact.product)


@pytest.mark.parametrize("channel", ["reranked", "vector", "graph", "lexical", "rrf"])
def test_a_filtered_list_is_the_whole_one_without_the_others(model, embeddings, channel):
    allowed = np.arange(0, 40, 3, dtype=np.int32)
    options = open_ranking_options(model, channel)
    whole, found = lists(model, embeddings, options, k=40), lists(model, embeddings, options, allowed, k=40)
    for row in range(len(TEXTS)):
        wanted = [product for product in whole.product[row].tolist() if product in allowed]
        if channel == "rrf":  # A rank in a filtered list is another one.
            assert set(found.product[row].tolist()) - {PADDING} == set(wanted)
        else:
            assert [product for product in found.product[row].tolist() if product != PADDING] == wanted


def test_folders_that_a_channel_has_no_use_for(model, embeddings, folders, tiny_graph, tmp_path):
    with pytest.raises(RequestError, match="the channel reranked needs the exact index"):
        lists(model, embeddings, open_ranking_options(model, index=folders / "fp16"))
    with pytest.raises(RequestError, match="a boost is of no use to the channel graph"):
        lists(model, embeddings, open_ranking_options(model, "graph", boost=folders / "boost"))
    with pytest.raises(ArtefactError, match="holds vectors alone, which can't be boosted; make one with 'gnn-search index --boost'"):
        open_ranking_options(model, "vector", index=folders / "flat", boost=folders / "boost")
    with pytest.raises(ArtefactError, match="holds boosted vectors; give the boost that it was made with"):
        open_ranking_options(model, "vector", index=folders / "boosted")
    with pytest.raises(ArtefactError, match="holds other qualities than the boost has"):
        open_ranking_options(model, "vector", index=folders / "boosted", boost=folders / "recency")
    with pytest.raises(RequestError, match="the action 'click' says which weights boost, but no boost is given"):
        open_ranking_options(model, "vector", action="click")
    other = open_model(write_model(tiny_graph, tmp_path / "other", seed=3))
    with pytest.raises(ArtefactError, match="is of another model than"):
        open_ranking_options(other, "vector", index=folders / "flat")
    with pytest.raises(ArtefactError, match=r"holds vectors as of 2024-02-22T00:00:00\S*, and is to be searched as of 2024-02-2"):
        open_ranking_options(model, "vector", embeddings.as_of + 3_600_000_000, index=folders / "flat")
    origin = {"model_hash": model.manifest.hash, "as_of": to_datetime(embeddings.as_of).isoformat()}
    ids = model.graph.nodes("product").to_series(0).head(39)
    build_index(
        embeddings.vectors["product"][:39], ids, IndexSettings(kind="flat"), embeddings.vectors["query"], tmp_path / "less", extra=origin
    )
    with pytest.raises(ArtefactError, match=r"the rows of the index .*less are not the products of"):
        open_ranking_options(model, "vector", index=tmp_path / "less")
