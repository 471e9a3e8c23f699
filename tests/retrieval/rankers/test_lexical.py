"""The words' channel ranks as BM25 does, known queries and new ones alike."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from rankers import encode_texts, open_ranker

from gnn_search.arrays import PADDING
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.graph.lexical.index import LexicalIndex
from gnn_search.retrieval.rankers.lexical import LexicalRanker
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_ranker(model, open_node_embeddings(model), "lexical")


def test_known_queries_rank_as_the_baseline_does(opened):
    model, ranker = opened
    query = np.array([3, 0, 3, 7], np.int32)
    user = np.array([-1, 2, 5, 1], np.int32)
    found, expected = ranker.rank(user, query, 9), Bm25(model.graph).rank(user, query, 9)
    assert np.array_equal(found.product, expected.product)
    assert np.array_equal(found.score, expected.score)
    assert np.array_equal(found.product[0], found.product[2])


def test_any_text_ranks_by_its_words(opened):
    model, ranker = opened
    texts = ["red bread", "🍞", "fresh tea", "red bread"]
    user = np.full(4, -1, np.int32)
    found = ranker.rank_texts(user, texts, 6)
    expected = LexicalIndex(model.graph).search(pl.Series(texts), 6)
    for row in range(len(texts)):
        product, score = expected.of(row)
        filled = found.product[row][found.product[row] != PADDING]
        assert filled.tolist() == product.tolist()
        assert found.score[row, : len(score)].tolist() == score.tolist()
    assert (found.product[1] == PADDING).all()
    assert np.isneginf(found.score[1]).all()


def test_users_and_requests_beside_it_do_not_count(opened):
    _, ranker = opened
    assert type(ranker.ranker) is LexicalRanker
    texts, user = ["red bread", "tea 0", "red bread"], np.array([0, -1, 3], np.int32)
    found = ranker.rank_texts(user, texts, 6)
    assert found.product[0].tolist() == found.product[2].tolist()
    assert found.score[0].tolist() == found.score[2].tolist()
    encoded = encode_texts(ranker.encoder, user, texts)
    some = ranker.ranker.rank(encoded.take(np.array([2, 1])), 6)
    assert np.array_equal(some.product, found.product[[2, 1]])
    assert np.array_equal(some.score, found.score[[2, 1]])


def test_products_that_are_not_allowed_are_left_out(opened):
    _, ranker = opened
    texts, user = ["red bread", "fresh tea"], np.array([0, -1], np.int32)
    allowed = np.arange(0, 40, 2, dtype=np.int32)
    whole, found = ranker.rank_texts(user, texts, 40), ranker.rank_texts(user, texts, 40, allowed)
    for row in range(2):
        wanted = [product for product in whole.product[row].tolist() if product in allowed]
        assert [product for product in found.product[row].tolist() if product != PADDING] == wanted
        assert wanted
