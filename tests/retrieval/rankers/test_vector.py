"""The vector channel, plain and with a boost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rankers import open_ranker

from gnn_search.arrays import PADDING
from gnn_search.errors import RequestError
from gnn_search.index.boosting.boost import boosted_products, build_boost
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.rankers.vector import VectorRanker
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

USER, QUERY = np.array([0, -1, 3], np.int32), np.array([0, 1, 2], np.int32)


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model), build_boost(model.graph, ["popularity", "recency"])


def test_without_weights_not_a_bit_changes(opened):
    model, embeddings, boost = opened
    nothing = replace(boost, weights={"purchase": np.zeros(4, np.float32)})
    plain = open_ranker(model, embeddings, "vector").rank(USER, QUERY, 40)
    boosted = open_ranker(model, embeddings, "vector", boost=nothing).rank(USER, QUERY, 40)
    np.testing.assert_array_equal(boosted.product, plain.product)
    assert boosted.score.tobytes() == plain.score.tobytes()


def test_scores_are_the_cosine_and_the_boost_as_of_the_encoders_time(opened):
    model, embeddings, boost = opened
    weights = np.array([0.2, -0.1, 0.3, 0], np.float32)
    weighed = replace(boost, weights={"click": weights, "purchase": -weights})
    ranker = open_ranker(model, embeddings, "vector", boost=weighed, action="click")
    ranking = ranker.rank(USER, QUERY, 40)
    cosine = ranker.encoder.encode_nodes(USER, QUERY).vector.numpy() @ embeddings.vectors["product"].T
    quality = boost.at(model.graph.before(embeddings.as_of)).quality
    assert (quality != boost.quality).any()
    expected = cosine + quality @ weights
    np.testing.assert_allclose(ranking.score, -np.sort(-expected, axis=1), atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected, ranking.product, axis=1), ranking.score, atol=1e-5)
    texts = model.graph.nodes("query")["query"].gather(QUERY).to_list()
    np.testing.assert_array_equal(ranker.rank_texts(USER, texts, 40).product, ranking.product)


def test_a_boost_of_another_action_is_refused(opened):
    model, embeddings, boost = opened
    of_purchases = replace(boost, weights={"purchase": np.ones(4, np.float32)})
    with pytest.raises(RequestError, match="the boost has weights for purchase, got 'click'"):
        open_ranker(model, embeddings, "vector", boost=of_purchases, action="click")
    index = FlatIndex.build(boosted_products(embeddings.vectors["product"], boost))
    with pytest.raises(RequestError, match="the boost has weights for purchase, got 'click'"):
        open_ranker(model, embeddings, "vector", index=index, boost=of_purchases, action="click").rank(USER, QUERY, 3)


def test_an_index_of_another_dimension(opened):
    with pytest.raises(RequestError, match="the index holds vectors of 8 numbers, expected 16"):
        VectorRanker(FlatIndex.build(np.eye(40, 8, dtype=np.float32)), 16)
    with pytest.raises(RequestError, match="the index holds vectors of 16 numbers, expected 20"):
        VectorRanker(FlatIndex.build(opened[1].vectors["product"]), 16, opened[2])


@pytest.mark.parametrize("allowed", [[], [4], [1, 5, 7]])
def test_lists_are_filled_up_where_few_products_are_allowed(opened, allowed):
    found = open_ranker(*opened[:2], "vector").rank(USER, QUERY, 3, np.array(allowed, np.int32))
    assert found.product.shape == found.score.shape == (3, 3)
    for row in found.product.tolist():
        assert sorted(row[: len(allowed)]) == allowed
        assert row[len(allowed) :] == [PADDING] * (3 - len(allowed))
    assert np.array_equal(np.isneginf(found.score), found.product == PADDING)
