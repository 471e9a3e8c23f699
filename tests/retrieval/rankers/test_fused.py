"""A fused list is what the rule makes of its channels' lists, request by request."""

from __future__ import annotations

import numpy as np
import pytest
from rankers import EncodingRanker, open_ranker, same_ranking

from gnn_search.arrays import PADDING
from gnn_search.errors import RequestError
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.fusion.rules import ChannelWeights, Weights, reciprocal_ranks
from gnn_search.retrieval.rankers.build import candidate_index, channel_rankers
from gnn_search.retrieval.rankers.fused import FusedRanker
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

USER, QUERY = np.array([-1, 2, 3, 2, 9], np.int32), np.array([0, 1, 2, 1, 7], np.int32)
TEXTS = ["bread 0", "never asked", "red tea", "never asked", "🍞"]
NOTHING = ChannelWeights(score=0, rank=0, missing=0)


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model)


@pytest.fixture(scope="module")
def rrf(opened):
    return open_ranker(*opened, "rrf")


def fused_anew(model, embeddings, **settings) -> EncodingRanker:
    """Fuse the graph, vectors and words by reciprocal ranks."""
    encoder, index = RequestEncoder(model, embeddings), FlatIndex.build(embeddings.vectors["product"])
    rankers = channel_rankers(model, index, candidate_index(model, embeddings, encoder))
    parts = {name: rankers[name] for name in ("graph", "vector", "lexical")}
    return EncodingRanker(encoder, FusedRanker(index, parts, reciprocal_ranks, **settings))


def test_reciprocal_ranks_by_a_plain_loop(opened, rrf):
    alone = {channel: open_ranker(*opened, channel).rank_texts(USER, TEXTS, 40).product for channel in ("vector", "graph", "lexical")}
    found = rrf.rank_texts(USER, TEXTS, 12)
    for row in range(len(TEXTS)):
        scores: dict[int, float] = {}
        for product in alone.values():
            for place, one in enumerate(product[row]):
                if one != PADDING:
                    scores[int(one)] = scores.get(int(one), 0) + 1 / (61 + place)
        best = sorted(scores, key=lambda one: (-np.float32(scores[one]), one))[:12]
        assert found.product[row].tolist() == best
        assert np.allclose(found.score[row], [scores[one] for one in best], atol=1e-7)


def test_each_place_says_which_channel_found_it_where(opened, rrf):
    found = rrf.rank_texts(USER, TEXTS, 15)
    assert list(found.ranks) == ["graph", "vector", "lexical"]
    for channel, rank in found.ranks.items():
        product = open_ranker(*opened, channel).rank_texts(USER, TEXTS, 40).product
        for row, place in np.ndindex(found.product.shape):
            there = np.flatnonzero(product[row] == found.product[row, place]) + 1
            assert rank[row, place] == (there[0] if len(there) else 0)
    assert (found.ranks["lexical"] == 0).any()


def test_weights_of_one_channel_alone_give_its_list(opened):
    weights = {"reranked": NOTHING, "graph": NOTHING, "vector": ChannelWeights(score=1, rank=0, missing=0), "lexical": NOTHING}
    fused = open_ranker(*opened, "fused", weights=Weights(channels=weights)).rank(USER, QUERY, 10)
    assert np.array_equal(fused.product, open_ranker(*opened, "vector").rank(USER, QUERY, 10).product)


def test_a_request_gets_the_same_list_whatever_stands_beside_it(opened, rrf):
    together = rrf.rank(USER, QUERY, 10)
    blocks = fused_anew(*opened, block=2).rank(USER, QUERY, 10)
    alone = rrf.rank(USER[2:3], QUERY[2:3], 10)
    assert same_ranking(together, blocks)
    assert all(np.array_equal(together.ranks[name], blocks.ranks[name]) for name in together.ranks)
    assert np.array_equal(together.product[2:3], alone.product)


def test_a_longer_list_begins_with_the_shorter_one(rrf):
    assert np.array_equal(rrf.rank(USER, QUERY, 30).product[:, :7], rrf.rank(USER, QUERY, 7).product)


def test_each_channel_gives_no_more_than_wanted(opened):
    found = fused_anew(*opened, depth=2).rank(USER, QUERY, 5)
    assert max(rank.max() for rank in found.ranks.values()) == 5


def test_lists_that_can_not_be_filled_are_refused(rrf):
    with pytest.raises(RequestError, match="larger than the catalogue of 40 products"):
        rrf.rank(USER, QUERY, 41)
