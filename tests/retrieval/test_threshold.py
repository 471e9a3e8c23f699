"""Lists that end at a score."""

from __future__ import annotations

import numpy as np
import pytest
from rankers import encode_texts, open_ranker

from gnn_search.arrays import PADDING
from gnn_search.errors import RequestError
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.rankers.vector import VectorRanker
from gnn_search.retrieval.ranking import Ranking
from gnn_search.retrieval.threshold import MinScoreCaseRanker, SimilarityCut, cut, resolve_min_score
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

RANKING = Ranking(np.array([[4, 2, 7], [1, 0, 3]], np.int32), np.array([[0.9, 0.5, 0.1], [0.4, 0.3, 0.2]], np.float32))


def test_what_scores_too_little_becomes_padding():
    found = cut(RANKING, 0.5)
    assert found.product.tolist() == [[4, 2, -1], [-1, -1, -1]]
    assert found.score[0, :2].tolist() == RANKING.score[0, :2].tolist()
    assert np.isneginf(found.score[found.product < 0]).all()
    assert found.product.dtype == np.int32
    assert found.score.dtype == np.float32


def test_no_threshold_leaves_all():
    assert cut(RANKING, None) is RANKING
    assert cut(RANKING, -1).product.tolist() == RANKING.product.tolist()


def test_a_number_or_the_threshold_of_an_action():
    thresholds = {"purchase": 0.62, "click": 0.4}
    assert resolve_min_score(None, thresholds) is None
    assert resolve_min_score("0.5", thresholds) == 0.5
    assert resolve_min_score("-0.25", {}) == -0.25
    assert resolve_min_score("click", thresholds) == 0.4


@pytest.mark.parametrize("stated", ["cart", "nan", "inf", ""])
def test_anything_else_is_refused(stated):
    with pytest.raises(RequestError, match=r"is neither a number nor an action; give a number such as 0\.5, or one of purchase, click"):
        resolve_min_score(stated, {"purchase": 0.62, "click": 0.4})
    with pytest.raises(RequestError, match=r"is no number, and the model has no threshold for any action"):
        resolve_min_score(stated, {})


def test_a_case_ranker_that_ends_its_lists():
    class Fixed:
        name = "fixed"

        def rank(self, user, query, k):
            return RANKING

    found = MinScoreCaseRanker(Fixed(), 0.3)
    assert found.name == "fixed"
    assert found.rank(np.zeros(2, np.int32), np.zeros(2, np.int32), 3).product.tolist() == [[4, 2, -1], [1, 0, -1]]


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model)


TEXTS, USER = ["bread 0", "red tea", "never asked"], np.array([3, -1, 4], np.int32)


@pytest.mark.parametrize("channel", ["reranked", "vector", "graph", "lexical", "rrf"])
def test_the_least_score_is_a_cosine_in_every_channel(opened, channel):
    model, embeddings = opened
    ranker = open_ranker(model, embeddings, channel)
    requests, products = encode_texts(ranker.encoder, USER, TEXTS), embeddings.vectors["product"]
    whole, cosine = ranker.ranker.rank(requests, 40), requests.vector.numpy() @ products.T
    listed = [cosine[row, product] for row in range(3) for product in whole.product[row] if product != PADDING]
    least = float(np.median(listed)) + 1e-5
    found = SimilarityCut(products, boosted=False)(requests, whole, least)
    for row in range(3):
        kept = [place for place, one in enumerate(whole.product[row]) if one != PADDING and cosine[row, one] >= least]
        empty = 40 - len(kept)
        assert found.product[row].tolist() == [*whole.product[row, kept].tolist(), *[PADDING] * empty]
        assert found.score[row].tolist() == [*whole.score[row, kept].tolist(), *[-np.inf] * empty]
        for name, rank in found.ranks.items():
            assert rank[row].tolist() == [*whole.ranks[name][row, kept].tolist(), *[0] * empty]
    assert 0 < np.count_nonzero(found.product != PADDING) < len(listed)
    assert list(found.ranks) == (["graph", "vector", "lexical"] if channel == "rrf" else [])


def test_without_a_least_score_lists_stay(opened):
    ranker = open_ranker(*opened, "vector")
    requests = encode_texts(ranker.encoder, USER, TEXTS)
    assert SimilarityCut(opened[1].vectors["product"], boosted=False)(requests, RANKING, None) is RANKING


def test_products_that_only_the_index_holds_are_cut_by_their_score(opened):
    model, embeddings = opened
    products = np.concatenate([embeddings.vectors["product"], embeddings.vectors["product"][:2]])
    requests = encode_texts(open_ranker(model, embeddings, "vector").encoder, USER, TEXTS)
    whole = VectorRanker(FlatIndex.build(products), 16).rank(requests, 42)
    least = float(np.median(whole.score)) + 1e-5
    found = SimilarityCut(embeddings.vectors["product"], boosted=False)(requests, whole, least)
    for row in range(3):
        assert [one for one in found.product[row].tolist() if one != PADDING] == whole.product[row, whole.score[row] >= least].tolist()
    assert (whole.product >= 40).any()
    with pytest.raises(RequestError, match="the cosine of boosted products that the graph does not hold is not known; leave the least"):
        SimilarityCut(embeddings.vectors["product"], boosted=True)(requests, whole, least)
