"""Fit the weights of a fusion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import write_model
from scipy.optimize import check_grad

from gnn_search.graph.cases import build_cases
from gnn_search.index.flat import FlatIndex
from gnn_search.retrieval.fusion import fit as module
from gnn_search.retrieval.fusion.fit import STAGES, FusionExamples, _Problem, fit_fusion, fit_weights
from gnn_search.retrieval.fusion.rules import FEATURES
from gnn_search.retrieval.rankers.build import candidate_index, channel_rankers
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import encode_nodes
from gnn_search.training.reranker_fit import cross_fit, user_halves

SIZE = len(FEATURES)

K = (5, 20)


def examples(seed: int = 0, cases: int = 60, each: int = 12) -> FusionExamples:
    """Return cases in which the first channel's score tells what is chosen, and the second channel knows nothing."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(cases * each, 2 * SIZE))
    row = np.repeat(np.arange(cases), each)
    relevant = features[:, 0] + 0.3 * random.normal(size=len(row)) > 1
    return FusionExamples(("good", "bad"), row, features, relevant)


def test_the_gradient_is_that_of_the_loss():
    given = examples(cases=5)
    kept = np.isin(given.row, np.unique(given.row[given.relevant]))
    row = np.unique(given.row[kept], return_inverse=True)[1]
    problem = _Problem(row, given.features[kept], given.relevant[kept])
    at = np.random.default_rng(1).normal(size=2 * SIZE)
    assert check_grad(lambda x: problem.loss(x)[0], lambda x: problem.loss(x)[1], at) < 1e-6


def test_the_loss_by_hand():
    # One case, two candidates that differ by 2: softplus(-2); and one of two chosen ones beside a third: the mean of both.
    one = _Problem(np.array([0, 0]), np.array([[3.0], [1.0]]), np.array([True, False]))
    assert np.isclose(one.loss(np.array([1.0]))[0], np.log1p(np.exp(-2)) + 1e-3)
    two = _Problem(np.array([0, 0, 0]), np.array([[3.0], [1.0], [0.0]]), np.array([True, False, True]))
    assert np.isclose(two.loss(np.array([1.0]))[0], (np.log1p(np.exp(-2)) + np.log1p(np.exp(1))) / 2 + 1e-3)


def test_the_channel_that_knows_is_trusted():
    weights = fit_weights(examples()).channels
    assert weights["good"].score > 1
    assert max(abs(value) for value in weights["bad"].model_dump().values()) < 0.3 * weights["good"].score


def test_the_unit_of_a_feature_does_not_matter():
    given = examples()
    scaled = FusionExamples(given.channels, given.row, given.features * np.array([100.0, *[1.0] * (2 * SIZE - 1)]), given.relevant)
    assert np.isclose(100 * fit_weights(scaled).channels["good"].score, fit_weights(given).channels["good"].score, rtol=1e-3)


def test_without_anything_to_learn_from_all_weights_are_zero():
    given = examples()
    for relevant in (np.zeros_like(given.relevant), np.ones_like(given.relevant)):
        weights = fit_weights(FusionExamples(given.channels, given.row, given.features, relevant))
        assert not any(value for weight in weights.channels.values() for value in weight.model_dump().values())
    nothing = FusionExamples(("a",), np.empty(0, np.int64), np.empty((0, SIZE)), np.empty(0, np.bool_))
    assert not any(fit_weights(nothing).channels["a"].model_dump().values())


def test_cases_without_both_kinds_change_nothing():
    given = examples()
    row = np.r_[given.row, np.full(3, given.row[-1] + 1)]
    more = FusionExamples(given.channels, row, np.r_[given.features, np.ones((3, 2 * SIZE))], np.r_[given.relevant, np.zeros(3, np.bool_)])
    assert fit_weights(more) == fit_weights(given)


def test_of_takes_whole_cases():
    given = examples(cases=3)
    part = given.of(np.array([True, False, True]))
    assert np.unique(part.row).tolist() == [0, 2]
    assert len(part.row) == len(part.features) == len(part.relevant) == 24


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def fitted(model):
    return fit_fusion(model, 1000, K)


def test_every_channel_is_measured_on_every_case(model, fitted):
    cases = build_cases(model.graph, "validation")
    assert list(fitted.recall) == ["reranked", "graph", "vector", "lexical", "rrf", "fused"]
    assert list(fitted.weights.channels) == ["reranked", "graph", "vector", "lexical"]
    assert np.array_equal(fitted.user, cases.user)
    assert all(recall.shape == (len(cases), 2) for recall in fitted.recall.values())
    assert all((recall[:, 0] <= recall[:, 1]).all() for recall in fitted.recall.values())


def test_recalls_are_those_of_lists_by_the_other_halfs_reranker(model, fitted):
    cases = build_cases(model.graph, "validation")
    embeddings = encode_nodes(model, cases.time)
    encoder, index = RequestEncoder(model, embeddings), FlatIndex.build(embeddings.vectors["product"])
    candidates = candidate_index(model, embeddings, encoder)
    scorers = cross_fit(model.config, encoder.nodes, candidates, cases)
    half = user_halves(cases, model.config.seed)
    assert 0 < half.sum() < len(half)
    assert all(len(set(half[cases.user == user].tolist())) == 1 for user in np.unique(cases.user[cases.user >= 0]))
    requests = encoder.encode_nodes(cases.user, cases.query)
    for name in ("reranked", "graph"):
        rankers = [channel_rankers(replace(model, reranker=scorer), index, candidates)[name] for scorer in scorers]
        lists = [ranker.rank(requests, 20).product for ranker in rankers]
        for case in range(len(cases)):
            relevant = cases.product[cases.indptr[case] : cases.indptr[case + 1]]
            listed = lists[1 - half[case]][case]
            for place, k in enumerate(K):
                assert np.isclose(fitted.recall[name][case, place], np.isin(relevant, listed[:k]).mean())


def test_new_queries_are_those_that_led_to_nothing(model, fitted):
    cases = build_cases(model.graph, "validation")
    events = model.graph.before(cases.time).edges(("product", "rev_leads_to", "query"))
    known = [int(events.ends[query]) > int(events.starts[query]) for query in cases.query]
    assert fitted.new.tolist() == [not one for one in known]


def test_held_out_cases_do_not_see_weights_fitted_on_them(model, fitted, monkeypatch):
    """Each held-out list comes from weights that were fitted on cases of the other half alone."""
    seen = []

    def spy(examples):
        seen.append(set(examples.row.tolist()))
        return fit_weights(examples)

    fit_weights = module.fit_weights
    monkeypatch.setattr(module, "fit_weights", spy)
    again = fit_fusion(model, 1000, K)
    half = user_halves(build_cases(model.graph, "validation"), model.config.seed)
    assert seen == [set(np.flatnonzero(half == 0).tolist()), set(np.flatnonzero(half == 1).tolist()), set(range(len(half)))]
    assert again.weights == fitted.weights
    assert all(np.array_equal(again.recall[name], fitted.recall[name]) for name in fitted.recall)


def test_a_limit_draws_cases_and_progress_tells_the_stages(model):
    stages: list[str] = []
    few = fit_fusion(model, 12, K, progress=stages.append)
    assert stages == ["encoding the shop", "fitting the reranker on halves", "ranking", "fitting weights"]
    assert len(stages) == STAGES
    assert len(few.user) == 12
    assert all(len(recall) == 12 for recall in few.recall.values())


def test_without_a_reranker_vectors_and_words_are_fused(tiny_graph, tmp_path):
    model = open_model(write_model(tiny_graph, tmp_path / "plain", reranker=False))
    fitted = fit_fusion(model, 1000, K)
    assert list(fitted.weights.channels) == ["vector", "lexical"]
    assert list(fitted.recall) == ["vector", "lexical", "rrf", "fused"]
