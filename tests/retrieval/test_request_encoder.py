"""Without a user a query stays as it is; new queries and users are encoded too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from rankers import encode_texts, open_ranker, same_ranking

from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import encode_nodes, open_node_embeddings

NOBODY = -1


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model)


@pytest.fixture(scope="module")
def encoder(opened):
    return RequestEncoder(*opened)


@pytest.fixture(scope="module")
def ranker(opened):
    return open_ranker(*opened, "vector")


def ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def test_without_a_user_a_query_is_not_moved_at_all(opened):
    model, embeddings = opened
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(embeddings.as_of))
    query = np.arange(model.graph.num_nodes["query"], dtype=np.int32)
    plain = encoder.encode_queries(query)
    assert torch.equal(encoder.personalise(plain, np.full_like(query, NOBODY), query), plain)
    # Beside users in one call as well.
    user = np.where(query % 2 == 0, NOBODY, 0).astype(np.int32)
    moved = encoder.personalise(plain, user, query)
    assert torch.equal(moved[::2], plain[::2])
    assert not torch.isclose(moved[1::2], plain[1::2]).all(dim=1).any()
    assert torch.allclose(moved.norm(dim=1), torch.ones(len(query)))


@pytest.mark.parametrize("by_text", [False, True])
def test_a_known_query_is_read_from_the_stored_embeddings(opened, by_text):
    model, embeddings = opened
    query = ints([7, 0, 7, 19])
    texts = model.graph.nodes("query")["query"].gather(query)

    def encode(vectors: np.ndarray, *, personal: bool) -> np.ndarray:
        stored = replace(embeddings, vectors={**embeddings.vectors, "query": vectors})
        encoder, user = RequestEncoder(model, stored, personal=personal), ints([NOBODY, 2, 3, NOBODY])
        return (encoder.encode(user, texts) if by_text else encoder.encode_nodes(user, query)).vector.numpy()

    stored = np.asarray(embeddings.vectors["query"])
    np.testing.assert_allclose(encode(stored, personal=False), stored[query], atol=1e-6)
    personal = encode(stored, personal=True)
    np.testing.assert_allclose(personal[[0, 3]], stored[query[[0, 3]]], atol=1e-6)
    assert np.abs(personal[[1, 2]] - stored[query[[1, 2]]]).max(axis=1).min() > 1e-3
    # They are read, not made again: other stored vectors give other requests.
    np.testing.assert_allclose(encode(stored[::-1].copy(), personal=False), stored[::-1][query], atol=1e-6)


def test_what_is_stored_is_what_the_model_encodes(opened):
    model, embeddings = opened
    query = np.arange(model.graph.num_nodes["query"], dtype=np.int32)
    fresh = NodeEncoder(model.towers, model.inputs, model.graph.before(embeddings.as_of)).encode_queries(query)
    found = RequestEncoder(model, embeddings).encode_nodes(np.full_like(query, NOBODY), query)
    np.testing.assert_allclose(found.vector.numpy(), fresh.numpy(), atol=1e-6)


def test_requests_are_laid_out_by_distinct_text(opened, encoder):
    node = opened[0].graph.nodes("query")["query"].index_of("tea 0")
    found = encode_texts(encoder, ints([3, NOBODY, 4]), ["tea 0", "never asked", "tea 0"])
    assert [found.texts[place] for place in found.text] == ["tea 0", "never asked", "tea 0"]
    assert len(found.texts) == 2
    assert found.query.tolist() == [node, -1, node]
    assert found.user.tolist() == [3, NOBODY, 4]
    some = found.take(np.array([2, 1]))
    assert (len(some), some.user.tolist(), some.query.tolist()) == (2, [4, NOBODY], [node, -1])
    assert torch.equal(some.vector, found.vector[[2, 1]])
    assert [some.texts[place] for place in some.text] == ["tea 0", "never asked"]


def test_a_user_nobody_knows_gets_exactly_the_plain_result(opened, ranker):
    plain = open_ranker(*opened, "vector", personal=False)
    texts = ["bread 0", "never asked", "tea 1"]
    assert same_ranking(ranker.rank_texts(ints([NOBODY] * 3), texts, 10), plain.rank_texts(ints([0, 1, 2]), texts, 10))


def test_users_change_the_result(ranker):
    user = ints(range(15))
    personal = ranker.rank(user, ints([0] * 15), 10)
    assert len(np.unique(personal.product, axis=0)) > 5


def test_known_queries_by_text_and_by_node_are_the_same(opened, ranker):
    queries = opened[0].graph.nodes("query")["query"].to_list()
    user = ints(np.arange(len(queries)) % 15)
    by_text = ranker.rank_texts(user, queries, 12)
    by_node = ranker.rank(user, ints(range(len(queries))), 12)
    assert np.array_equal(by_text.product, by_node.product)
    assert np.allclose(by_text.score, by_node.score, atol=1e-6)


def test_the_scores_are_inner_products_with_the_product_vectors(opened, ranker):
    model, embeddings = opened
    encoder = NodeEncoder(model.towers, model.inputs, model.graph.before(embeddings.as_of))
    user, query = ints([3, NOBODY, 5]), ints([0, 1, 2])
    scores = encoder.encode_requests(user, query).numpy() @ embeddings.vectors["product"].T
    found = ranker.rank(user, query, 7)
    assert np.array_equal(found.product, np.argsort(-scores, axis=1)[:, :7])
    assert np.allclose(found.score, -np.sort(-scores, axis=1)[:, :7], atol=1e-6)


def test_a_new_query_selects_history_as_the_known_ones_like_it_do(opened, encoder, ranker):
    model, embeddings = opened
    nodes = NodeEncoder(model.towers, model.inputs, model.graph.before(embeddings.as_of))
    text = "bread 0 bread 0"
    node = model.graph.nodes("query")["query"].index_of("bread 0")
    found = encode_texts(encoder, ints([0, 0]), [text, "bread 0"])
    assert found.query.tolist() == [-1, node]
    assert found.history_query.tolist() == [node, node]
    user, vectors = ints(range(15)), nodes.encode_texts([text] * 15)
    lenders = found.lenders.take(found.text[:1])
    assert lenders.query[0] == node
    assert len(lenders.query) > 1
    assert not len(found.lenders.take(found.text[1:]).query)
    categories = nodes.categories.merge(ints([-1]), lenders)
    expected = nodes.personalise(vectors, user, ints([0] * 15), categories=categories).numpy()
    lists = ranker.rank_texts(user, [text] * 15, 5)
    assert np.array_equal(lists.product, np.argsort(-expected @ embeddings.vectors["product"].T, axis=1)[:, :5])


def test_a_query_without_a_known_word_works(ranker):
    ranking = ranker.rank_texts(ints([NOBODY, 2]), ["🍞🍞", "🍞🍞"], 3)
    assert ranking.product[0].tolist() == [0, 1, 2]
    assert not ranking.score[0].any()
    assert ranking.score[1].any()


def test_texts_that_end_alike_are_told_apart(encoder, ranker):
    texts = ["bread 0", "bread 0\x00", "bread 0"]
    ranking = ranker.rank_texts(ints([NOBODY] * 3), texts, 5)
    assert encode_texts(encoder, ints([NOBODY] * 3), texts).query[1] == -1
    assert np.array_equal(ranking.score[0], ranking.score[2])
    assert not np.array_equal(ranking.score[0], ranking.score[1])


def test_says_which_texts_are_known_and_understood(encoder):
    found = encode_texts(encoder, ints([NOBODY] * 3), ["bread 0", "breads", "🍞"])
    assert found.known[found.text].tolist() == [True, False, False]
    assert found.understood[found.text].tolist() == [True, True, False]


def test_nothing_to_encode(encoder):
    for found in (encoder.encode(ints([]), pl.Series([], dtype=pl.String)), encoder.encode_nodes(ints([]), ints([]))):
        assert len(found) == 0
        assert found.vector.shape == (0, 16)


def test_two_times_of_one_model_do_not_disturb_each_other(tiny_model):
    model = open_model(tiny_model)
    early = open_ranker(model, encode_nodes(model, model.graph.manifest.validation_start), "vector")
    users, queries = np.arange(5, dtype=np.int32), np.arange(5, dtype=np.int32)
    alone = early.rank(users, queries, 10)
    late = open_ranker(model, encode_nodes(model, model.graph.manifest.time_last + 1), "vector")
    assert not same_ranking(late.rank(users, queries, 10), alone)
    assert same_ranking(early.rank(users, queries, 10), alone)
