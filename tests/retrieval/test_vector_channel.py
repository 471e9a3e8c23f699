"""Without a shopper a query stays as it is; new queries and shoppers are answered too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.store import open_model
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.vectors.shop_vectors import encode_shop, open_shop_vectors

NOBODY = -1


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_shop_vectors(model)


@pytest.fixture(scope="module")
def channel(opened):
    return VectorChannel(*opened)


def ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def same(left, right) -> bool:
    return np.array_equal(left.product, right.product) and np.array_equal(left.score, right.score)


def test_without_a_shopper_a_query_is_not_moved_at_all(opened):
    model, shop = opened
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of))
    query = np.arange(model.graph.num_nodes["query"], dtype=np.int32)
    plain = encoder.encode_queries(query)
    assert torch.equal(encoder.personalise(plain, np.full_like(query, NOBODY), query), plain)
    # Beside shoppers in one call as well.
    user = np.where(query % 2 == 0, NOBODY, 0).astype(np.int32)
    moved = encoder.personalise(plain, user, query)
    assert torch.equal(moved[::2], plain[::2])
    assert not torch.isclose(moved[1::2], plain[1::2]).all(dim=1).any()
    assert torch.allclose(moved.norm(dim=1), torch.ones(len(query)))


def test_a_shopper_nobody_knows_gets_exactly_the_plain_result(opened, channel):
    plain = VectorChannel(*opened, personal=False)
    texts = ["bread 0", "never asked", "tea 1"]
    assert same(channel.rank_texts(ints([NOBODY] * 3), texts, 10), plain.rank_texts(ints([0, 1, 2]), texts, 10))


def test_shoppers_change_the_result(channel):
    user = ints(range(15))
    personal = channel.rank(user, ints([0] * 15), 10)
    assert len(np.unique(personal.product, axis=0)) > 5


def test_known_queries_by_text_and_by_node_are_the_same(opened, channel):
    queries = opened[0].graph.nodes("query")["query"].to_list()
    user = ints(np.arange(len(queries)) % 15)
    by_text = channel.rank_texts(user, queries, 12)
    by_node = channel.rank(user, ints(range(len(queries))), 12)
    assert np.array_equal(by_text.product, by_node.product)
    assert np.allclose(by_text.score, by_node.score, atol=1e-6)


def test_the_scores_are_inner_products_with_the_shop_vectors(opened, channel):
    model, shop = opened
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of))
    user, query = ints([3, NOBODY, 5]), ints([0, 1, 2])
    scores = encoder.encode_requests(user, query).numpy() @ shop.vectors["product"].T
    found = channel.rank(user, query, 7)
    assert np.array_equal(found.product, np.argsort(-scores, axis=1)[:, :7])
    assert np.allclose(found.score, -np.sort(-scores, axis=1)[:, :7], atol=1e-6)


def test_a_new_query_calls_up_history_as_the_nearest_known_one_does(opened, channel):
    model, shop = opened
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(shop.as_of))
    text = "bread 0 bread 0"
    node = model.graph.nodes("query")["query"].index_of("bread 0")
    assert channel.find_queries([text, "bread 0"]).tolist() == [-1, node]
    user = ints(range(15))
    found = channel.rank_texts(user, [text] * 15, 5)
    expected = encoder.personalise(torch.from_numpy(_text_vectors(model, encoder, text, 15)), user, ints([node] * 15)).numpy()
    assert np.array_equal(found.product, np.argsort(-expected @ shop.vectors["product"].T, axis=1)[:, :5])


def _text_vectors(model, encoder, text, times):
    return np.repeat(encoder.encode_texts([text]).numpy(), times, axis=0)


def test_a_query_without_a_known_word_works(channel):
    ranking = channel.rank_texts(ints([NOBODY, 2]), ["🍞🍞", "🍞🍞"], 3)
    assert ranking.product[0].tolist() == [0, 1, 2]
    assert not ranking.score[0].any()
    assert ranking.score[1].any()


def test_texts_that_end_alike_are_told_apart(channel):
    texts = ["bread 0", "bread 0\x00", "bread 0"]
    ranking = channel.rank_texts(ints([NOBODY] * 3), texts, 5)
    assert channel.find_queries(texts)[1] == -1
    assert np.array_equal(ranking.score[0], ranking.score[2])
    assert not np.array_equal(ranking.score[0], ranking.score[1])


def test_describes_queries(opened, channel):
    known, worded = channel.describe_queries(["bread 0", "breads", "🍞"])
    assert known.tolist() == [True, False, False]
    assert worded.tolist() == [True, True, False]


def test_two_moments_of_one_model_do_not_disturb_each_other(tiny_model):
    model = open_model(tiny_model)
    early = VectorChannel(model, encode_shop(model, model.graph.manifest.validation_start))
    users, queries = np.arange(5, dtype=np.int32), np.arange(5, dtype=np.int32)
    alone = early.rank(users, queries, 10)
    late = VectorChannel(model, encode_shop(model, model.graph.manifest.time_last + 1))
    assert not same(late.rank(users, queries, 10), alone)
    assert same(early.rank(users, queries, 10), alone)
