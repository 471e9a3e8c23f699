"""The words' channel ranks as BM25 does, known queries and new ones alike."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.graph.lexical import LexicalIndex, split_words
from gnn_search.retrieval.rankers.lexical import LexicalChannel
from gnn_search.retrieval.ranking import PADDING
from gnn_search.retrieval.request_encoder import VectorChannel
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, LexicalChannel(model, VectorChannel(model, open_node_embeddings(model)))


def test_known_queries_rank_as_the_baseline_does(opened):
    model, channel = opened
    query = np.array([3, 0, 3, 7], np.int32)
    user = np.array([-1, 2, 5, 1], np.int32)
    found, expected = channel.rank(user, query, 9), Bm25(model.graph).rank(user, query, 9)
    assert np.array_equal(found.product, expected.product)
    assert np.array_equal(found.score, expected.score)
    assert np.array_equal(found.product[0], found.product[2])


def test_any_text_ranks_by_its_words(opened):
    model, channel = opened
    texts = ["red bread", "🍞", "fresh tea", "red bread"]
    user = np.full(4, -1, np.int32)
    found = channel.rank_texts(user, texts, 6)
    index = LexicalIndex(model.graph)
    for row, words in enumerate(split_words(pl.Series(texts))):
        product, score = index.best(words, 6)
        filled = found.product[row][found.product[row] != PADDING]
        assert filled.tolist() == product.tolist()
        assert found.score[row, : len(score)].tolist() == score.tolist()
    assert (found.product[1] == PADDING).all()
    assert np.isneginf(found.score[1]).all()


def test_encoded_requests_and_texts_are_answered_alike(opened):
    _, channel = opened
    texts, user = ["red bread", "tea 0", "red bread"], np.array([0, -1, 3], np.int32)
    by_text = channel.rank_texts(user, texts, 6)
    encoded = channel.search(channel.vectors.ask_texts(user, texts), 6)
    assert np.array_equal(by_text.product, encoded.product)
    assert np.array_equal(by_text.score, encoded.score)


def test_the_least_score_is_a_cosine(opened):
    _, channel = opened
    texts, user = ["red bread", "fresh tea"], np.array([0, -1], np.int32)
    whole = channel.rank_texts(user, texts, 40)
    vector = channel.vectors.ask_texts(user, texts).vector.numpy()
    cosine = vector @ np.stack([channel.index.similarity(np.eye(16, dtype=np.float32), np.arange(16), np.full(16, p)) for p in range(40)]).T
    least = float(np.median(cosine))
    cut = channel.rank_texts(user, texts, 40, least)
    for row in range(2):
        filled = [product for product in whole.product[row] if product != PADDING and cosine[row, product] >= least]
        assert [product for product in cut.product[row] if product != PADDING] == filled
        assert 0 < len(filled) < np.count_nonzero(whole.product[row] != PADDING)


def test_describes_queries(opened):
    known, worded = opened[1].describe_queries(["bread 0", "breads", "🍞"])
    assert known.tolist() == [True, False, False]
    assert worded.tolist() == [True, True, False]
