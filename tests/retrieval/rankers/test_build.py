"""Which rankers a model has."""

from __future__ import annotations

import numpy as np
import pytest
from models import write_model
from rankers import open_ranker, same_ranking

from gnn_search.errors import RequestError
from gnn_search.retrieval.fusion.rules import ChannelWeights, Weights
from gnn_search.retrieval.rankers.build import best_case_ranker, model_case_rankers, vector_case_ranker
from gnn_search.retrieval.rankers.candidate_rankers import GraphRanker, RerankedRanker
from gnn_search.retrieval.rankers.fused import FusedRanker
from gnn_search.retrieval.rankers.lexical import LexicalRanker
from gnn_search.retrieval.rankers.vector import VectorRanker
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

USER, QUERY = np.array([-1, 2, 3], np.int32), np.array([0, 1, 2], np.int32)
BY_GRAPH = ChannelWeights(score=1, rank=0, missing=0)


@pytest.fixture(scope="module")
def with_reranker(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model)


@pytest.fixture(scope="module")
def without_reranker(tiny_graph, tmp_path_factory):
    model = open_model(write_model(tiny_graph, tmp_path_factory.mktemp("plain") / "model", reranker=False))
    return model, open_node_embeddings(model)


def test_each_channel_has_a_ranker(with_reranker):
    kinds = {"reranked": RerankedRanker, "vector": VectorRanker, "graph": GraphRanker, "lexical": LexicalRanker, "rrf": FusedRanker}
    rankers = {channel: open_ranker(*with_reranker, channel) for channel in kinds}
    assert {channel: type(one.ranker) for channel, one in rankers.items()} == kinds
    lists = {channel: one.rank(USER, QUERY, 10).product.tolist() for channel, one in rankers.items()}
    assert len({str(found) for found in lists.values()}) == len(kinds)
    assert lists["reranked"] == open_ranker(*with_reranker).rank(USER, QUERY, 10).product.tolist()


def test_every_ranker_knows_the_index(with_reranker):
    for channel in ("reranked", "vector", "graph", "lexical", "rrf"):
        assert open_ranker(*with_reranker, channel).ranker.index.count == 40


def test_without_a_reranker_the_vectors_rank(without_reranker):
    model, embeddings = without_reranker
    assert model.reranker is None
    assert isinstance(open_ranker(model, embeddings).ranker, VectorRanker)
    assert [ranker.name for ranker in model_case_rankers(model, embeddings)] == ["gnn-search", "gnn-search, no user"]
    with pytest.raises(RequestError, match=r"has no reranker; train it with reranker\.enabled, or use another channel"):
        open_ranker(model, embeddings, "graph")


@pytest.mark.parametrize("which", ["with_reranker", "without_reranker"])
def test_the_best_and_the_vectors_as_methods(request, which):
    model, embeddings = request.getfixturevalue(which)
    best, vectors = best_case_ranker(model, embeddings), vector_case_ranker(model, embeddings, "mine")
    assert (best.name, vectors.name) == ("gnn-search", "mine")
    assert same_ranking(best.rank(USER, QUERY, 10), open_ranker(model, embeddings).rank(USER, QUERY, 10))
    assert same_ranking(vectors.rank(USER, QUERY, 10), open_ranker(model, embeddings, "vector").rank(USER, QUERY, 10))


def test_case_rankers_are_the_channels(with_reranker):
    rankers = {ranker.name: ranker.rank(USER, QUERY, 10) for ranker in model_case_rankers(*with_reranker)}
    assert list(rankers) == ["gnn-search", "gnn-search, vectors", "gnn-search, graph", "gnn-search, no user"]
    for name, channel in (("gnn-search", "reranked"), ("gnn-search, vectors", "vector"), ("gnn-search, graph", "graph")):
        assert same_ranking(rankers[name], open_ranker(*with_reranker, channel).rank(USER, QUERY, 10))
    plain = open_ranker(*with_reranker).rank(np.full_like(USER, -1), QUERY, 10)
    assert np.array_equal(rankers["gnn-search, no user"].product, plain.product)


def test_with_weights_case_rankers_are_fused_too(with_reranker):
    weights = Weights(channels={"graph": BY_GRAPH, "vector": BY_GRAPH})
    rankers = {ranker.name: ranker.rank(USER, QUERY, 10) for ranker in model_case_rankers(*with_reranker, weights)}
    assert list(rankers)[4:] == ["gnn-search, lexical", "gnn-search, rrf", "gnn-search, fused"]
    assert same_ranking(rankers["gnn-search, lexical"], open_ranker(*with_reranker, "lexical").rank(USER, QUERY, 10))
    assert same_ranking(rankers["gnn-search, rrf"], open_ranker(*with_reranker, "rrf").rank(USER, QUERY, 10))
    assert same_ranking(rankers["gnn-search, fused"], open_ranker(*with_reranker, "fused", weights=weights).rank(USER, QUERY, 10))


def test_channels_with_weights_are_fused(with_reranker):
    weights = Weights(channels={"graph": BY_GRAPH, "vector": ChannelWeights(score=0, rank=1, missing=0)})
    assert list(open_ranker(*with_reranker, "fused", weights=weights).rank(USER, QUERY, 5).ranks) == ["graph", "vector"]


def test_weights_go_with_fused_alone(with_reranker):
    with pytest.raises(RequestError, match=r"the channel fused needs fitted weights; give their folder with --fusion, .* or take rrf"):
        open_ranker(*with_reranker, "fused")
    with pytest.raises(RequestError, match="weights of a fusion are of no use to the channel rrf"):
        open_ranker(*with_reranker, "rrf", weights=Weights(channels={"graph": BY_GRAPH}))


def test_without_a_reranker_vectors_and_words_are_fused(without_reranker):
    assert list(open_ranker(*without_reranker, "rrf").rank(USER, QUERY, 5).ranks) == ["vector", "lexical"]
