"""Lists that end at a score."""

from __future__ import annotations

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.retrieval.ranking import Ranking
from gnn_search.retrieval.threshold import AtLeast, cut, resolve_min_score

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


def test_a_ranker_that_ends_its_lists():
    class Fixed:
        name = "fixed"

        def rank(self, user, query, k):
            return RANKING

    found = AtLeast(Fixed(), 0.3)
    assert found.name == "fixed"
    assert found.rank(np.zeros(2, np.int32), np.zeros(2, np.int32), 3).product.tolist() == [[4, 2, -1], [1, 0, -1]]
