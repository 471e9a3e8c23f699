"""The vector channel with a boost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.index.boosting.boost import boosted_products
from gnn_search.index.boosting.build import build_boost
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.request_encoder import VectorChannel
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

USER, QUERY = np.array([0, -1, 3], np.int32), np.array([0, 1, 2], np.int32)


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model), build_boost(model.graph, ["popularity", "recency"])


def test_without_weights_not_a_bit_changes(opened):
    model, shop, boost = opened
    nothing = replace(boost, weights={"purchase": np.zeros(4, np.float32)})
    plain = VectorChannel(model, shop).rank(USER, QUERY, 40)
    boosted = VectorChannel(model, shop, boost=nothing).rank(USER, QUERY, 40)
    np.testing.assert_array_equal(boosted.product, plain.product)
    assert boosted.score.tobytes() == plain.score.tobytes()


def test_scores_are_the_cosine_and_the_boost_as_of_the_channels_moment(opened):
    model, shop, boost = opened
    weights = np.array([0.2, -0.1, 0.3, 0], np.float32)
    channel = VectorChannel(model, shop, boost=replace(boost, weights={"click": weights, "purchase": -weights}), action="click")
    ranking = channel.rank(USER, QUERY, 40)
    cosine = channel.ask(USER, QUERY).vector.numpy() @ shop.vectors["product"].T
    quality = boost.at(model.graph.before(shop.as_of)).quality
    assert (quality != boost.quality).any()
    expected = cosine + quality @ weights
    np.testing.assert_allclose(ranking.score, -np.sort(-expected, axis=1), atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected, ranking.product, axis=1), ranking.score, atol=1e-5)
    texts = model.graph.nodes("query")["query"].gather(QUERY).to_list()
    np.testing.assert_array_equal(channel.rank_texts(USER, texts, 40).product, ranking.product)


def test_a_boost_of_another_action_is_refused(opened):
    model, shop, boost = opened
    with pytest.raises(RequestError, match="the boost has weights for purchase, got 'click'"):
        VectorChannel(model, shop, boost=replace(boost, weights={"purchase": np.ones(4, np.float32)}), action="click")
    index = FlatIndex.build(boosted_products(shop.vectors["product"], boost))
    with pytest.raises(RequestError, match="the boost has weights for purchase, got 'click'"):
        VectorChannel(model, shop, index=index, boost=replace(boost, weights={"purchase": np.ones(4, np.float32)}), action="click")
