"""Lists of candidates and vectors together equal those of scoring every product of the catalogue."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from models import write_model
from rankers import EncodingRanker, open_ranker, same_ranking

from gnn_search.arrays import PADDING
from gnn_search.errors import RequestError
from gnn_search.index.flat import FlatIndex
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.retrieval.rankers.candidate_rankers import CandidateRanker, GraphRanker, RerankedRanker
from gnn_search.retrieval.ranking import Ranking
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.trained.model import Model, open_model
from gnn_search.trained.node_embeddings import NodeEmbeddings, encode_nodes, open_node_embeddings

NOBODY, CATALOGUE = -1, 40


class CountingIndex(FlatIndex):
    """An exact index that notes how many queries are searched how deep."""

    def __init__(self, *parts) -> None:
        super().__init__(*parts)
        self.searches: list[tuple[int, int]] = []

    def search(self, queries, k, allowed=None):
        """See `FlatIndex.search`."""
        self.searches.append((len(queries), k))
        return super().search(queries, k, allowed)


@dataclass
class Opened:
    """A model's encoder, and rankers made anew for its candidates."""

    model: Model
    embeddings: NodeEmbeddings
    encoder: RequestEncoder
    words: WordMatcher

    def ranker(self, *, alone: bool = False, others: float | None = None, nearest: int = 3, **settings: int) -> CandidateRanker:
        """Make a ranker; `others` is what the scorer adds to products that are no candidates."""
        nodes, scorer = self.encoder.nodes, deepcopy(self.model.reranker)
        if others is not None:
            with torch.no_grad():
                scorer.others.fill_(others)
        chosen = self.model.config.reranker.model_copy(update={"nearest": nearest})
        candidates = CandidateIndex(nodes.view, chosen, self.model.inputs.history, nodes.categories)
        index = CountingIndex.build(self.embeddings.vectors["product"])
        return (GraphRanker if alone else RerankedRanker)(index, candidates, self.words, scorer, **settings)

    def encoding(self, **settings) -> EncodingRanker:
        """Make a ranker that encodes its requests first."""
        return EncodingRanker(self.encoder, self.ranker(**settings))


@pytest.fixture(scope="module")
def opened(tiny_model) -> Opened:
    model = open_model(tiny_model)
    embeddings = open_node_embeddings(model)
    # Few products a text, so that not all are candidates.
    return Opened(model, embeddings, RequestEncoder(model, embeddings), WordMatcher(model.graph, 2))


def ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


USER, QUERY = (ints(part.ravel()) for part in np.meshgrid(np.arange(-1, 15), np.arange(20)))


@pytest.fixture(scope="module")
def requests(opened) -> EncodedRequests:
    return opened.encoder.encode_nodes(USER, QUERY)


@torch.no_grad()
def score_everything(opened: Opened, ranker: CandidateRanker, requests: EncodedRequests) -> np.ndarray:
    """Score every product of the catalogue for each request, one at a time: float32 [n, products], minus infinity for none."""
    scores = np.full((len(requests), CATALOGUE), -np.inf, dtype=np.float32)
    products, alone = np.asarray(opened.embeddings.vectors["product"]).astype(np.float64), isinstance(ranker, GraphRanker)
    matches = opened.words.match(requests.texts, requests.nodes)
    for place in range(len(requests)):
        user, query, history_query = (part[place : place + 1] for part in (requests.user, requests.query, requests.history_query))
        matched = matches.take(requests.text[place : place + 1])
        near = ranker.index.search(requests.vector[place : place + 1].numpy(), 3)[1][:, : 0 if alone else 3]
        found = ranker.candidates.find_candidates(user, query, history_query, matched, near)
        features = torch.from_numpy(candidate_features(ranker.candidates, user, query, history_query, found)).double()
        similarity = torch.from_numpy(products @ requests.vector[place].numpy().astype(np.float64))
        if alone:
            scores[place, found.product] = ranker.scorer.score_candidates_alone(features).numpy()
            continue
        scores[place] = ranker.scorer.score_others(similarity.float().double()).numpy()
        scores[place, found.product] = ranker.scorer.score_candidates(features, similarity[found.product.astype(np.int64)]).numpy()
    return scores


def assert_best(found: Ranking, scores: np.ndarray, k: int) -> None:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_allclose(found.score, best, rtol=1e-6)
    assert np.array_equal(found.product, np.where(np.isfinite(best), order, PADDING))


@pytest.mark.parametrize("others", [None, 60.0, -60.0, 0.0])
def test_equals_scoring_the_whole_catalogue(opened, requests, others):
    ranker = opened.ranker(others=others, spare=1)
    scores = score_everything(opened, ranker, requests)
    for k in (1, 7, 39, CATALOGUE):
        found = ranker.rank(requests, k)
        assert (found.product.dtype, found.score.dtype) == (np.int32, np.float32)
        assert_best(found, scores, k)


def test_without_nearest_candidates_too(opened, requests):
    ranker = opened.ranker(nearest=0, others=0.0, spare=1)
    alone = np.isfinite(score_everything(opened, opened.ranker(alone=True), requests))
    candidates = ranker.describe(requests)[0]
    found = np.zeros_like(alone)
    found[candidates.row, candidates.product] = True
    assert np.array_equal(found, alone)
    assert same_ranking(ranker.rank(requests, 7), opened.ranker(nearest=0, others=0.0).rank(requests, 7))


def test_candidates_may_stand_anywhere(opened, requests):
    """The comparison above would say less if all lists began, or ended, with candidates of the graph."""
    among = np.isfinite(score_everything(opened, opened.ranker(alone=True), requests))
    shares = [
        np.take_along_axis(among, opened.ranker(others=offset, spare=1).rank(requests, 5).product, axis=1).mean()
        for offset in (60, *range(10, -21, -3), -60)
    ]
    assert shares[0] == 0
    assert any(0 < share < shares[-1] for share in shares)
    # Where what is described goes first, lists hold nothing else; some of it is only near by vector.
    ranker = opened.ranker(others=-60, spare=1)
    candidates = ranker.describe(requests)[0]
    described = np.zeros_like(among)
    described[candidates.row, candidates.product] = True
    assert described.sum(axis=1).min() >= 5
    assert np.take_along_axis(described, ranker.rank(requests, 5).product, axis=1).all()


def test_lists_are_deepened_until_nothing_can_enter(opened, requests):
    ranker = opened.ranker(others=60.0, spare=4)
    ranker.rank(requests.take(np.arange(100)), 5)
    depths = [depth for _, depth in ranker.index.searches]
    assert depths == [9, 36, 40][: len(depths)]
    assert len(depths) > 1
    rows = [rows for rows, _ in ranker.index.searches]
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < rows[0]


def test_a_list_does_not_depend_on_the_others_in_the_call(opened, requests):
    ranker, blocks = opened.ranker(others=0.0), opened.encoding(others=0.0, spare=1, places=9 * 13)
    whole = ranker.rank(requests, 12)
    order = np.random.default_rng(0).permutation(len(USER))
    for part in np.split(order, [1, 2, 40]):
        again = blocks.ranker.rank(requests.take(part), 12)
        assert same_ranking(again, Ranking(whole.product[part], whole.score[part]))
        # The last digits of a request's vector may depend on the others.
        found = blocks.rank(USER[part], QUERY[part], 12)
        assert np.array_equal(found.product, whole.product[part])
        np.testing.assert_allclose(found.score, whole.score[part], rtol=1e-4)
    assert same_ranking(opened.ranker(others=0.0, places=1).rank(requests, 12), whole)


@pytest.mark.parametrize("alone", [False, True])
def test_no_request(opened, alone):
    ranker = opened.encoding(alone=alone)
    assert ranker.rank(ints([]), ints([]), 4).product.shape == (0, 4)
    assert ranker.rank_texts(ints([]), [], 4).score.shape == (0, 4)


def test_a_user_nobody_knows_gets_exactly_the_plain_result(opened):
    plain = EncodingRanker(RequestEncoder(opened.model, opened.embeddings, personal=False), opened.ranker())
    texts = ["bread 0", "never asked", "tea 1", "🍞🍞"]
    found = opened.encoding().rank_texts(ints([NOBODY] * 4), texts, 10)
    assert same_ranking(found, plain.rank_texts(ints([0, 1, 2, 3]), texts, 10))
    query = ints(np.arange(20))
    assert same_ranking(opened.encoding().rank(ints([NOBODY] * 20), query, CATALOGUE), plain.rank(query % 15, query, CATALOGUE))


def test_a_user_of_whom_nothing_is_known_yet_gets_the_plain_result(tiny_graph, tmp_path):
    """The last two users are known from events alone; before the first one they are nobody."""
    model = open_model(write_model(tiny_graph, tmp_path / "model", vectors=False))
    first = min(
        tiny_graph.before(2**62).edges(("product", f"rev_{kind}", "user")).csr.time[:].min() for kind in tiny_graph.positive_actions
    )
    embeddings = encode_nodes(model, int(first))
    known = embeddings.vectors["user"].any(axis=1)
    assert 0 < (~known).sum() < len(known)
    user = ints(np.flatnonzero(~known))
    ranker, query = open_ranker(model, embeddings), np.zeros_like(user)
    assert same_ranking(ranker.rank(user, query, 9), ranker.rank(np.full_like(user, NOBODY), query, 9))


def test_users_change_the_result(opened):
    user = ints(range(15))
    assert len(np.unique(opened.encoding().rank(user, ints([0] * 15), 10).product, axis=0)) > 5


def test_known_queries_by_text_and_by_node_are_the_same(opened):
    names = opened.model.graph.nodes("query")["query"].to_list()
    user, ranker = ints(np.arange(20) % 15), opened.encoding()
    by_text, by_node = ranker.rank_texts(user, names, 12), ranker.rank(user, ints(range(20)), 12)
    assert np.array_equal(by_text.product, by_node.product)
    np.testing.assert_allclose(by_text.score, by_node.score, rtol=1e-5)


def test_the_graph_alone_lists_its_candidates(opened, requests):
    ranker = opened.ranker(alone=True)
    scores = score_everything(opened, ranker, requests)
    assert np.isfinite(scores).any(axis=1).all()
    assert not np.isfinite(scores).all()
    for k in (3, CATALOGUE):
        assert_best(ranker.rank(requests, k), scores, k)


def test_the_graph_alone_finds_nothing_for_a_query_of_which_nothing_is_known(opened):
    found = opened.encoding(alone=True).rank_texts(ints([NOBODY, 3]), ["🍞🍞", "🍞🍞"], 3)
    assert (found.product == PADDING).all()
    assert np.isneginf(found.score).all()


@pytest.mark.parametrize("k", [1, 4, CATALOGUE])
@pytest.mark.parametrize("others", [-60.0, 0.0, 60.0])
def test_zero_vectors(opened, k, others):
    ranker = opened.ranker(others=others, spare=1)
    user, query = ints([NOBODY, 3, 4, 5]), ints([-1, -1, 0, 7])
    encoded = opened.encoder.encode_nodes(user, np.maximum(query, 0))
    requests = replace(encoded, query=query, history_query=query, vector=torch.zeros(4, 16), text=np.arange(4), texts=list("abcd"))
    requests = replace(requests, nodes=query)
    assert_best(ranker.rank(requests, k), score_everything(opened, ranker, requests), k)


def test_equal_scores_do_not_make_a_list_read_the_whole_catalogue(opened):
    ranker = opened.encoding(others=-60.0, spare=1)
    found = ranker.rank_texts(ints([NOBODY]), ["🍞🍞"], 5)
    assert sorted(found.product[0].tolist()) == [0, 1, 2, 3, 4]  # those described in their order, then the others by number
    assert found.product[0].tolist()[-2:] == [3, 4]
    assert ranker.ranker.index.searches == [(1, 6)]


@pytest.mark.parametrize(("k", "message"), [(0, "k is 0; give the number"), (41, "k is 41, larger than the catalogue of 40 products")])
@pytest.mark.parametrize("alone", [False, True])
def test_k_that_cannot_be(opened, k, message, alone):
    with pytest.raises(RequestError, match=message):
        opened.encoding(alone=alone).rank(ints([0]), ints([0]), k)
