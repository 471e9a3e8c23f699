"""A boost is fitted on one half of the users, and its gains are those of searches with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.evaluation.boosting.fit import FITTED, LATER, OTHER_HALF, FitSettings, fit_boost, half_of, measure_gains, open_period
from gnn_search.evaluation.qrels import build_qrels
from gnn_search.graph.cases import build_cases
from gnn_search.index.boosting.boost import build_boost
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.rankers.build import build_ranker
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

SETTINGS = FitSettings(k=5, trials=60, n_resamples=100)


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def fitted(model):
    return fit_boost(model, build_boost(model.graph, ["popularity", "recency"]), SETTINGS)


def test_each_action_has_weights_of_its_own(fitted):
    boost, report = fitted
    assert set(boost.weights) == {"click", "purchase"} == {one.action for one in report.searches}
    assert boost.weights["click"].tolist() != boost.weights["purchase"].tolist()
    assert boost.weights["purchase"].any()
    for one in report.searches:
        assert list(one.weights.values()) == boost.weights[one.action].tolist()
        assert np.abs(boost.weights[one.action]).max() <= report.bound


def test_on_the_users_it_was_fitted_on_it_is_not_worse(fitted):
    _, report = fitted
    gains = {(gain.action, gain.metric): gain for gain in report.gains if gain.part == FITTED}
    assert gains["click", "recall"].gain >= 0
    assert gains["purchase", "recall"].gain > 0
    assert report.objective == "recall@5"


def test_gains_are_those_of_lists_that_the_boosted_channel_ranks(fitted, model):
    """Counted here with sets, over all cases of the test period."""
    boost, report = fitted
    cases = build_cases(model.graph, "test")
    actions = build_qrels(model.graph, cases, "test").actions
    shop = open_node_embeddings(model, cases.time)
    encoder = RequestEncoder(model, shop)
    for action in actions:
        ranker = build_ranker(model, shop, encoder, RankingOptions("vector", boost=boost, action=action))
        lists = ranker.rank(encoder.encode_nodes(cases.user, cases.query), 5).product
        recalls = []
        for case, found in enumerate(lists):
            rows = slice(cases.indptr[case], cases.indptr[case + 1])
            wanted = set(cases.product[rows][actions[action][rows]].tolist())
            if wanted:
                recalls.append(len(wanted & set(found.tolist())) / len(wanted))
        (gain,) = (one for one in report.gains if (one.action, one.part, one.metric) == (action, LATER, "recall"))
        assert gain.cases == len(recalls)
        assert gain.boosted == pytest.approx(np.mean(recalls))


def test_the_halves_share_no_user_and_are_all(fitted, model):
    _, report = fitted
    cases = build_cases(model.graph, "validation")
    fitting = half_of(cases, SETTINGS.seed)
    known = cases.user >= 0
    assert not set(cases.user[fitting & known]) & set(cases.user[~fitting & known])
    actions = build_qrels(model.graph, cases, "validation").actions
    for action, rows in actions.items():
        sizes = {gain.part: gain.cases for gain in report.gains if (gain.action, gain.metric) == (action, "ndcg")}
        of_action = np.unique(cases.case_of_row()[rows])
        assert sizes[FITTED] == fitting[of_action].sum()
        assert sizes[OTHER_HALF] == (~fitting)[of_action].sum()


def test_the_qualities_that_are_kept_are_those_of_the_later_period(fitted, model):
    boost, _ = fitted
    assert boost.as_of == model.graph.manifest.test_start
    view = model.graph.before(boost.as_of)
    np.testing.assert_array_equal(boost.quality, build_boost(model.graph, ["popularity", "recency"]).at(view).quality)


def test_the_same_seed_gives_the_same_bytes(fitted, model):
    boost, report = fit_boost(model, build_boost(model.graph, ["popularity", "recency"]), SETTINGS)
    assert report == fitted[1]
    assert all(boost.weights[action].tobytes() == weights.tobytes() for action, weights in fitted[0].weights.items())
    other = fit_boost(model, build_boost(model.graph, ["popularity", "recency"]), replace(SETTINGS, seed=1))[1]
    assert other != report


def test_no_boost_gains_nothing(fitted, model):
    boost = replace(fitted[0], weights={action: np.zeros(4, np.float32) for action in fitted[0].weights})
    for gain in measure_gains(open_period(model, "test", None, 0), boost, LATER, SETTINGS):
        assert gain.gain == gain.low == gain.high == 0
        assert gain.plain == gain.boosted > 0


def test_too_few_users_are_refused(model):
    with pytest.raises(RequestError, match="one half of the users of the validation period has no case"):
        fit_boost(model, build_boost(model.graph, ["recency"]), replace(SETTINGS, cases=1))
