"""Lists of walks and vectors together equal those of scoring every product of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from models import write_model

from gnn_search.errors import RequestError
from gnn_search.model.store import open_model
from gnn_search.retrieval import walk_channel
from gnn_search.retrieval.ranking import PADDING, Ranking
from gnn_search.retrieval.vector_channel import Asked, VectorChannel
from gnn_search.retrieval.walk_channel import WalkChannel
from gnn_search.sampling.walk.features import walk_features
from gnn_search.sampling.walk.index import WalkIndex, match_words
from gnn_search.sampling.walk.words import WordIndex
from gnn_search.vectors.shop_vectors import encode_shop, open_shop_vectors

NOBODY, CATALOGUE = -1, 40


@dataclass
class Opened:
    """A model's vectors, and ways of ranking made anew, whose scorer a test may change."""

    model: object
    shop: object
    vectors: VectorChannel

    def channel(self, *, alone: bool = False, elsewhere: float | None = None) -> WalkChannel:
        encoder = self.vectors.encoder
        settings = self.model.config.reranker.model_copy(update={"nearest": 3})
        walks = WalkIndex(encoder.view, settings, self.model.inputs.history, encoder.categories)
        channel = WalkChannel(self.model, self.vectors, walks, alone=alone)
        channel._words = WordIndex(self.model.graph, 2)
        if elsewhere is not None:
            with torch.no_grad():
                channel._scorer.elsewhere.fill_(elsewhere)
        return channel


@pytest.fixture(scope="module")
def opened(tiny_model) -> Opened:
    model = open_model(tiny_model)
    shop = open_shop_vectors(model)
    return Opened(model, shop, VectorChannel(model, shop))


@pytest.fixture
def shallow(monkeypatch):
    """Fetch few products beyond k, so that lists must be deepened."""
    monkeypatch.setattr(walk_channel, "_SPARE", 1)
    monkeypatch.setattr(walk_channel, "_GROWTH", 2)


def ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


USER, QUERY = (ints(part.ravel()) for part in np.meshgrid(np.arange(-1, 15), np.arange(20)))


def same(left: Ranking, right: Ranking) -> bool:
    return np.array_equal(left.product, right.product) and np.array_equal(left.score, right.score)


@torch.no_grad()
def score_everything(channel: WalkChannel, asked: Asked, alone: bool = False) -> np.ndarray:
    """Score every product of the catalogue for each request, one at a time: float32 [n, products], minus infinity for none."""
    scores = np.full((len(asked.user), CATALOGUE), -np.inf, dtype=np.float32)
    products = channel.vectors.encoder.products.numpy().astype(np.float64)
    for place in range(len(asked.user)):
        user, query, recalling = (part[place : place + 1] for part in (asked.user, asked.query, asked.recalling))
        matched = match_words(channel._words.match(asked.texts, asked.nodes), asked.text[place : place + 1])
        near = channel.index.search(asked.vector[place : place + 1].numpy(), 3)[1][:, : 0 if alone else 3]
        reached = channel.walks.reach(user, query, recalling, matched, near)
        features = torch.from_numpy(walk_features(channel.walks, user, query, recalling, reached)).double()
        similarity = torch.from_numpy(products @ asked.vector[place].numpy().astype(np.float64))
        if alone:
            scores[place, reached.product] = channel._scorer.score_walk(features).numpy()
            continue
        scores[place] = channel._scorer.score_elsewhere(similarity.float().double()).numpy()
        scores[place, reached.product] = channel._scorer.score_reached(features, similarity[reached.product.astype(np.int64)]).numpy()
    return scores


def assert_best(found: Ranking, scores: np.ndarray, k: int) -> None:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_allclose(found.score, best, rtol=1e-6)
    assert np.array_equal(found.product, np.where(np.isfinite(best), order, PADDING))


@pytest.mark.parametrize("k", [1, 7, 39, CATALOGUE])
@pytest.mark.parametrize("elsewhere", [None, 60.0, -60.0, 0.0])
def test_equals_scoring_the_whole_catalogue(opened, shallow, k, elsewhere):
    channel = opened.channel(elsewhere=elsewhere)
    found = channel.rank(USER, QUERY, k)
    assert (found.product.dtype, found.score.dtype) == (np.int32, np.float32)
    assert_best(found, score_everything(channel, opened.vectors.ask(USER, QUERY)), k)


def test_reached_products_may_stand_anywhere(opened, shallow):
    """The comparison above would say less if all lists began, or ended, with what walks reach."""
    among = np.isfinite(score_everything(opened.channel(), opened.vectors.ask(USER, QUERY), alone=True))
    shares = [
        np.take_along_axis(among, opened.channel(elsewhere=offset).rank(USER, QUERY, 5).product, axis=1).mean() for offset in (60, 0, -60)
    ]
    assert shares[0] == 0 < shares[1] < shares[2]
    # Where what is described goes first, lists hold nothing else; some of it is only near by vector.
    channel = opened.channel(elsewhere=-60)
    reached = channel.describe(opened.vectors.ask(USER, QUERY))[0]
    described = np.zeros_like(among)
    described[reached.row, reached.product] = True
    assert described.sum(axis=1).min() >= 5
    assert np.take_along_axis(described, channel.rank(USER, QUERY, 5).product, axis=1).all()


def test_lists_are_deepened_until_nothing_can_enter(opened, shallow, monkeypatch):
    channel, depths = opened.channel(elsewhere=60.0), []
    monkeypatch.setattr(walk_channel, "_BLOCK", len(USER))
    search = channel.index.search
    monkeypatch.setattr(channel.index, "search", lambda vectors, k: depths.append((len(vectors), k)) or search(vectors, k))
    channel.rank(USER, QUERY, 5)
    assert [depth for _, depth in depths] == [6, 12, 24, 40][: len(depths)]
    assert len(depths) > 1
    rows = [rows for rows, _ in depths]
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < rows[0]


def test_a_list_does_not_depend_on_the_others_in_the_call(opened, monkeypatch):
    channel, asked = opened.channel(elsewhere=0.0), opened.vectors.ask(USER, QUERY)
    whole = channel.search(asked, 12)
    order = np.random.default_rng(0).permutation(len(USER))
    monkeypatch.setattr(walk_channel, "_BLOCK", 9)
    for part in np.split(order, [1, 2, 40]):
        some = {name: getattr(asked, name)[part] for name in ("user", "query", "recalling", "text")}
        again = channel.search(replace(asked, **some, vector=asked.vector[torch.from_numpy(part)]), 12)
        assert same(again, Ranking(whole.product[part], whole.score[part]))
        # The last digits of a request's vector may depend on the others.
        found = channel.rank(USER[part], QUERY[part], 12)
        assert np.array_equal(found.product, whole.product[part])
        np.testing.assert_allclose(found.score, whole.score[part], rtol=1e-4)
    monkeypatch.setattr(walk_channel, "_PLACES", 500)
    assert same(channel.search(asked, 12), whole)


@pytest.mark.parametrize("alone", [False, True])
def test_no_request(opened, alone):
    channel = opened.channel(alone=alone)
    assert channel.rank(ints([]), ints([]), 4).product.shape == (0, 4)
    assert channel.rank_texts(ints([]), [], 4, min_score=0.5).score.shape == (0, 4)


def test_a_shopper_nobody_knows_gets_exactly_the_plain_result(opened):
    plain = Opened(opened.model, opened.shop, VectorChannel(opened.model, opened.shop, personal=False)).channel()
    texts = ["bread 0", "never asked", "tea 1", "🍞🍞"]
    found = opened.channel().rank_texts(ints([NOBODY] * 4), texts, 10)
    assert same(found, plain.rank_texts(ints([0, 1, 2, 3]), texts, 10))
    query = ints(np.arange(20))
    assert same(opened.channel().rank(ints([NOBODY] * 20), query, CATALOGUE), plain.rank(query % 15, query, CATALOGUE))


def test_a_shopper_of_whom_nothing_is_known_yet_gets_the_plain_result(tiny_graph, tmp_path):
    """The last two shoppers are known from events alone; before the first one they are nobody."""
    model = open_model(write_model(tiny_graph, tmp_path / "model", vectors=False))
    first = min(tiny_graph.before(2**62).edges(("product", f"rev_{kind}", "user")).csr.time[:].min() for kind in tiny_graph.chosen_actions)
    vectors = VectorChannel(model, encode_shop(model, int(first)))
    known = vectors.encoder.encode_users().numpy().any(axis=1)
    assert 0 < (~known).sum() < len(known)
    user = ints(np.flatnonzero(~known))
    channel, query = WalkChannel(model, vectors, model.inputs.walks(vectors.encoder.view, vectors.encoder.categories)), np.zeros_like(user)
    assert same(channel.rank(user, query, 9), channel.rank(np.full_like(user, NOBODY), query, 9))


def test_shoppers_change_the_result(opened):
    user = ints(range(15))
    assert len(np.unique(opened.channel().rank(user, ints([0] * 15), 10).product, axis=0)) > 5


def test_known_queries_by_text_and_by_node_are_the_same(opened):
    names = opened.model.graph.nodes("query")["query"].to_list()
    user, channel = ints(np.arange(20) % 15), opened.channel()
    by_text, by_node = channel.rank_texts(user, names, 12), channel.rank(user, ints(range(20)), 12)
    assert np.array_equal(by_text.product, by_node.product)
    np.testing.assert_allclose(by_text.score, by_node.score, rtol=1e-5)


@pytest.mark.parametrize("k", [3, CATALOGUE])
def test_walks_alone_list_what_they_reach(opened, k):
    channel = opened.channel(alone=True)
    found, asked = channel.rank(USER, QUERY, k), opened.vectors.ask(USER, QUERY)
    scores = score_everything(channel, asked, alone=True)
    assert np.isfinite(scores).any(axis=1).all()
    assert not np.isfinite(scores).all()
    assert_best(found, scores, k)


def test_walks_alone_find_nothing_for_a_query_of_which_nothing_is_known(opened):
    found = opened.channel(alone=True).rank_texts(ints([NOBODY, 3]), ["🍞🍞", "🍞🍞"], 3)
    assert (found.product == PADDING).all()
    assert np.isneginf(found.score).all()


@pytest.mark.parametrize("alone", [False, True])
def test_the_least_score_is_a_cosine(opened, alone):
    channel, texts = opened.channel(alone=alone), ["bread 0", "tea 0", "never asked"]
    user = ints([3, NOBODY, 4])
    whole = channel.rank_texts(user, texts, CATALOGUE)
    asked = opened.vectors.ask_texts(user, texts)
    cosine = asked.vector.numpy() @ opened.vectors.encoder.products.numpy().T
    least = float(np.median(cosine))
    found = channel.rank_texts(user, texts, CATALOGUE, min_score=least)
    for row in range(3):
        kept = [product for product in whole.product[row] if product != PADDING and cosine[row, product] >= least]
        assert found.product[row].tolist() == kept + [PADDING] * (CATALOGUE - len(kept))
        score = dict(zip(whole.product[row].tolist(), whole.score[row].tolist(), strict=True))
        assert found.score[row].tolist() == [score[product] for product in kept] + [-np.inf] * (CATALOGUE - len(kept))
        assert len(kept) < (whole.product[row] != PADDING).sum()
    assert len({tuple(row) for row in found.product.tolist()}) > 1


@pytest.mark.parametrize("k", [1, 4, CATALOGUE])
@pytest.mark.parametrize("elsewhere", [-60.0, 0.0, 60.0])
def test_zero_vectors(opened, shallow, k, elsewhere):
    channel = opened.channel(elsewhere=elsewhere)
    user, query = ints([NOBODY, 3, 4, 5]), ints([-1, -1, 0, 7])
    asked = replace(opened.vectors.ask(user, np.maximum(query, 0)), query=query, recalling=query, vector=torch.zeros(4, 16))
    assert_best(channel.search(asked, k), score_everything(channel, asked), k)


def test_equal_scores_do_not_make_a_list_read_the_whole_catalogue(opened, shallow, monkeypatch):
    channel, depths = opened.channel(elsewhere=-60.0), []
    search = channel.index.search
    monkeypatch.setattr(channel.index, "search", lambda vectors, k: depths.append(k) or search(vectors, k))
    found = channel.rank_texts(ints([NOBODY]), ["🍞🍞"], 5)
    assert sorted(found.product[0].tolist()) == [0, 1, 2, 3, 4]  # those described in their order, then the others by number
    assert found.product[0].tolist()[-2:] == [3, 4]
    assert depths == [6]


@pytest.mark.parametrize(("k", "message"), [(0, "k is 0; give the number"), (41, "k is 41, larger than the catalogue of 40 products")])
@pytest.mark.parametrize("alone", [False, True])
def test_k_that_cannot_be(opened, k, message, alone):
    with pytest.raises(RequestError, match=message):
        opened.channel(alone=alone).rank(ints([0]), ints([0]), k)
