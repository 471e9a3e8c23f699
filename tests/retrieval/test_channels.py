"""Which ways of ranking a model has."""

from __future__ import annotations

import numpy as np
import pytest
from models import write_model

from gnn_search.errors import RequestError
from gnn_search.model.store import open_model
from gnn_search.retrieval.channels import model_rankers, open_channel
from gnn_search.retrieval.fused_channel import FusedChannel
from gnn_search.retrieval.fusion.weighted_sum import ChannelWeights, Weights
from gnn_search.retrieval.lexical_channel import LexicalChannel
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.retrieval.walk_channel import WalkChannel
from gnn_search.vectors.shop_vectors import open_shop_vectors

USER, QUERY = np.array([-1, 2, 3], np.int32), np.array([0, 1, 2], np.int32)


@pytest.fixture(scope="module")
def with_walk(tiny_model):
    model = open_model(tiny_model)
    return model, open_shop_vectors(model)


@pytest.fixture(scope="module")
def without_walk(tiny_graph, tmp_path_factory):
    model = open_model(write_model(tiny_graph, tmp_path_factory.mktemp("plain") / "model", walk=False))
    return model, open_shop_vectors(model)


def test_each_kind(with_walk):
    kinds = {kind: open_channel(*with_walk, kind) for kind in ("full", "vector", "walk")}
    assert [type(channel) for channel in kinds.values()] == [WalkChannel, VectorChannel, WalkChannel]
    lists = {kind: channel.rank(USER, QUERY, 10).product.tolist() for kind, channel in kinds.items()}
    assert len({str(found) for found in lists.values()}) == 3
    assert lists["full"] == open_channel(*with_walk).rank(USER, QUERY, 10).product.tolist()


def test_without_a_walk_term_the_vectors_rank(without_walk):
    model, shop = without_walk
    assert model.walk is None
    assert isinstance(open_channel(model, shop), VectorChannel)
    assert [ranker.name for ranker in model_rankers(model, shop)] == ["gnn-search", "gnn-search, no user"]
    with pytest.raises(RequestError, match=r"has no walk term; train it with reranker\.enabled, or use another channel"):
        open_channel(model, shop, "walk")


def test_rankers_are_the_channels(with_walk):
    rankers = {ranker.name: ranker.rank(USER, QUERY, 10) for ranker in model_rankers(*with_walk)}
    assert list(rankers) == ["gnn-search", "gnn-search, vectors", "gnn-search, walk", "gnn-search, no user"]
    for name, kind in (("gnn-search", "full"), ("gnn-search, vectors", "vector"), ("gnn-search, walk", "walk")):
        expected = open_channel(*with_walk, kind).rank(USER, QUERY, 10)
        assert np.array_equal(rankers[name].product, expected.product)
        assert np.array_equal(rankers[name].score, expected.score)
    plain = open_channel(*with_walk).rank(np.full_like(USER, -1), QUERY, 10)
    assert np.array_equal(rankers["gnn-search, no user"].product, plain.product)


def test_every_other_way(with_walk):
    assert type(open_channel(*with_walk, "lexical")) is LexicalChannel
    assert type(open_channel(*with_walk, "rrf")) is FusedChannel
    weights = Weights(channels={"walk": ChannelWeights(score=1, rank=0, missing=0), "vector": ChannelWeights(score=0, rank=1, missing=0)})
    assert list(open_channel(*with_walk, "fused", weights).rank(USER, QUERY, 5).ranks) == ["walk", "vector"]


def test_weights_go_with_fused_alone(with_walk):
    with pytest.raises(RequestError, match=r"the channel fused needs fitted weights; give their folder with --fusion, .* or take rrf"):
        open_channel(*with_walk, "fused")
    with pytest.raises(RequestError, match="weights of a fusion are of no use to the channel rrf"):
        open_channel(*with_walk, "rrf", Weights(channels={"walk": ChannelWeights(score=1, rank=0, missing=0)}))


def test_without_a_walk_term_vectors_and_words_are_fused(without_walk):
    assert list(open_channel(*without_walk, "rrf").rank(USER, QUERY, 5).ranks) == ["vector", "lexical"]
