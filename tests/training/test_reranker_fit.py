"""The reranker learns what is planted in a shop, and is measured on users that it was not fitted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from towers import random_towers, tiny_config, unchecked_config

from gnn_search.config.training import AugmentationSettings
from gnn_search.errors import DivergenceError, RequestError
from gnn_search.graph.cases import build_cases
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.features import feature_names
from gnn_search.rerank.word_matches import WordMatches
from gnn_search.sampling.inputs import InputSampler
from gnn_search.training import reranker_fit
from gnn_search.training.reranker_fit import RerankExamples, fit, fit_reranker, gather

USERS, PRODUCTS = 24, 60


def config(**changes):
    reranker = {"words": 0, "nearest": 0, "cold_query_share": 0}
    reranker |= {"hidden": 8, "epochs": 12, "batch_size": 8, "learning_rate": 0.02, "half_life_days": [5, 30], **changes}
    return tiny_config(reranker=reranker)


@pytest.fixture(scope="module")
def faithful_shop(make_graph):
    """Every user buys the same two of sixty alike products time and again, and each product is bought equally often."""
    products = [(f"p{number:02}", "tea", None, ["drinks"]) for number in range(PRODUCTS)]
    events = [("nobody else", "tea", f"p{number:02}", 1, "purchase", f"n{number}", "x") for number in range(PRODUCTS)]
    for user in range(USERS):
        for day in (2, 5, 8, 12, 22):
            for number in (user, user + USERS):
                events.append((f"u{user}", "tea", f"p{number:02}", day, "purchase", f"{user}-{day}", "x"))
    return make_graph(products, events)


def fitted(graph, settings):
    return fit_reranker(settings, graph, random_towers(graph, settings), InputSampler(graph, settings))


@pytest.fixture(scope="module")
def faithful_fit(faithful_shop):
    return fitted(faithful_shop, config())


def test_learns_that_only_repeats_matter(faithful_fit):
    assert faithful_fit.cases == USERS
    assert faithful_fit.recall["vector"] < 0.5
    assert faithful_fit.recall["graph"] == faithful_fit.recall["reranked"] == 1


def test_is_the_same_to_the_bit(faithful_shop, faithful_fit):
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = fit_reranker(config(), faithful_shop, random_towers(faithful_shop, config()), InputSampler(faithful_shop, config()))
    one, other = faithful_fit.scorer.state_dict(), again.scorer.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert again.recall == faithful_fit.recall
    fit(config(), gathered(faithful_shop, config())[1], np.arange(4))
    torch.manual_seed(99)
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_is_another_fit(faithful_shop, faithful_fit):
    settings = config().model_copy(update={"seed": 5})
    other = fitted(faithful_shop, settings).scorer
    assert not torch.equal(other.alone.inner.weight, faithful_fit.scorer.alone.inner.weight)


def test_a_fit_that_diverges_is_refused(faithful_shop):
    with pytest.raises(DivergenceError, match=r"of the reranker is not finite; lower the learning rates under 'reranker' and train anew"):
        fitted(faithful_shop, unchecked_config(reranker={**config().reranker.model_dump(), "learning_rate": 1e30}))


def candidate_index(settings, inputs: InputSampler, encoder: NodeEncoder) -> CandidateIndex:
    return CandidateIndex(encoder.view, settings.reranker, inputs.history, encoder.categories)


def gathered(graph, settings, **limits) -> tuple[np.ndarray, RerankExamples]:
    """The user of each case, and the examples."""
    cases = build_cases(graph, "validation", settings.reranker.cases, settings.seed)
    inputs = InputSampler(graph, settings)
    encoder = NodeEncoder(random_towers(graph, settings), inputs, graph.before(cases.time))
    examples = gather(settings, encoder, candidate_index(settings, inputs, encoder), cases, **limits)
    return cases.user[np.argsort(cases.user, kind="stable")], examples


def test_held_out_recall_is_of_the_other_half_of_the_users(tiny_graph, monkeypatch):
    settings = config(user_dropout=0)
    fits, measured = {}, []

    def remember_fit(config, examples, case, *progress):
        scorer = fit(config, examples, case)
        fits[id(scorer)] = scorer, case
        return scorer

    def remember_recall(scorer, examples, case):
        measured.append((fits[id(scorer)][1], case))
        return np.array([0.25, 0.5, 0.75])

    monkeypatch.setattr(reranker_fit, "fit", remember_fit)
    monkeypatch.setattr(reranker_fit, "_recalls", remember_recall)
    found = fitted(tiny_graph, settings)
    user, examples = gathered(tiny_graph, settings)
    assert len(measured) == 2
    assert found.recall == {"vector": 0.25, "graph": 0.5, "reranked": 0.75}
    for taught, asked in measured:
        assert len(taught)
        assert len(asked)
        assert not set(user[taught][user[taught] >= 0]) & set(user[asked])
        assert sorted([*taught, *asked]) == list(range(len(user)))
    assert sorted(np.concatenate([asked for _, asked in measured])) == list(range(found.cases))
    # Those of nobody are halved one by one.
    assert set(examples.group[user < 0]) == {0, 1}
    assert np.array_equal(fits[id(found.scorer)][1], np.arange(found.cases))


def test_cases_without_their_user_are_learned_but_not_measured(tiny_graph, monkeypatch):
    settings, asked = config(user_dropout=0.5), []
    monkeypatch.setattr(reranker_fit, "_recalls", lambda scorer, examples, case: asked.append(examples.altered[case]) or np.zeros(3))
    fitted(tiny_graph, settings)
    assert not np.concatenate(asked).any()
    _, examples = gathered(tiny_graph, settings)
    assert 0 < examples.altered.sum() < len(examples.altered)
    assert sum(len(part) for part in asked) == (~examples.altered).sum()


def test_some_cases_come_again_as_if_their_query_were_new(tiny_graph):
    settings = config(user_dropout=0, cold_query_share=0.5).model_copy(update={"augmentation": AugmentationSettings(held_out_queries=0)})
    cases = build_cases(tiny_graph, "validation", settings.reranker.cases, settings.seed)
    inputs = InputSampler(tiny_graph, settings)
    encoder = NodeEncoder(random_towers(tiny_graph, settings), inputs, tiny_graph.before(cases.time))
    index = candidate_index(settings, inputs, encoder)
    examples = gather(settings, encoder, index, cases)
    _, plain = gathered(tiny_graph, config(user_dropout=0))
    again = len(examples.wanted) - len(cases)
    asked = np.unique(cases.query[index.query_totals[0][cases.query] > 0])
    assert again == 2 * min(len(asked), len(cases) // 2) > 6
    assert examples.altered.tolist() == [False] * len(cases) + [True] * again
    assert np.array_equal(examples.features[: len(plain.features)], plain.features)
    names = feature_names(settings.reranker, index.partner_relations)
    copies = dict(zip(names, examples.features[len(plain.features) :].T, strict=True))
    assert not copies["known query"].any()
    assert not copies["products of the query"].any()
    assert not copies["interaction for the query"].any()
    assert copies["own product"].any()  # what is known of the user stays
    # Half of the users' copies go with each half of the fit.
    assert set(examples.group[len(cases) :]) == {0, 1}


def test_copies_do_not_count_as_cases(tiny_graph):
    one, other = fitted(tiny_graph, config(cold_query_share=0.5)), fitted(tiny_graph, config())
    assert one.cases == other.cases
    assert one.recall["vector"] == other.recall["vector"]
    assert not torch.equal(one.scorer.beside.inner.weight, other.scorer.beside.inner.weight)


def test_candidates_are_those_reached_and_the_nearest(tiny_graph):
    settings = config(user_dropout=0, products=2, recent_length=0)
    cases = build_cases(tiny_graph, "validation", settings.reranker.cases, settings.seed)
    inputs = InputSampler(tiny_graph, settings)
    encoder = NodeEncoder(random_towers(tiny_graph, settings), inputs, tiny_graph.before(cases.time))
    index = candidate_index(settings, inputs, encoder)
    examples = gather(settings, encoder, index, cases, beyond=3)
    for place, case in enumerate(np.argsort(cases.user, kind="stable")):
        user, query = cases.user[case : case + 1], cases.query[case : case + 1]
        similarity = (encoder.encode_requests(user, query) @ encoder.products.T)[0].numpy()
        nothing = WordMatches.none(1)
        reached = index.find_candidates(user, query, encoder.history_query(query), nothing, np.empty((1, 0), np.int32)).product
        candidates = np.union1d(reached, np.argsort(-similarity)[:3])
        relevant = cases.product[cases.indptr[case] : cases.indptr[case + 1]]
        mine = slice(*examples.indptr[place : place + 2])
        np.testing.assert_allclose(examples.similarity[mine], similarity[candidates], atol=1e-6)
        assert (examples.feature_row[mine] >= 0).tolist() == np.isin(candidates, reached).tolist()
        assert examples.relevant[mine].tolist() == np.isin(candidates, relevant).tolist()
        assert examples.wanted[place] == len(relevant)


def test_blocks_and_all_at_once_are_the_same(tiny_graph):
    _, whole = gathered(tiny_graph, config())
    _, parts = gathered(tiny_graph, config(), most_scores=7 * 40)
    for name in ("indptr", "features", "feature_row", "relevant", "wanted", "group", "altered"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name
    np.testing.assert_allclose(whole.similarity, parts.similarity, atol=1e-6)


def test_a_query_that_led_nowhere_calls_up_the_past_as_it_does_when_answered(make_graph):
    """`red tea` is new in validation; by its words it calls up what was bought for `red teas`."""
    products = [("p0", "red tea", None, ["drinks"]), ("p1", "green tea", None, ["drinks"]), ("p2", "old jam", None, ["food"])]
    events = [
        ("ann", "red teas", "p1", 1, "purchase", "a", "x"),
        ("bob", "jam", "p2", 2, "purchase", "b", "x"),
        ("ann", "red tea", "p1", 12, "purchase", "c", "x"),
        ("ann", "red tea", "p1", 22, "purchase", "d", "x"),
    ]
    graph = make_graph(products, events)
    _, examples = gathered(graph, config(user_dropout=0))
    assert examples.relevant.tolist() == [False, True, False]
    assert (examples.feature_row >= 0).tolist() == [False, True, False]


def test_where_the_graph_leads_nowhere_the_order_stays_the_vectors(make_graph):
    products = [(f"p{number}", "tea", None, ["drinks"]) for number in range(15)]
    events = [("ann", "tea", f"p{number}", 1, "purchase", "a", "x") for number in range(15)]
    # Nobody who is known asks, and nothing that is known.
    events += [(None, "jam", f"p{number}", 12 + number / 10, "purchase", f"b{number}", "x") for number in range(9)]
    graph = make_graph(products, [*events, (None, "jam", "p1", 22, "purchase", "d", "x")])
    found = fitted(graph, config())
    assert (found.cases, found.recall["graph"]) == (9, 0)
    assert found.recall["vector"] == found.recall["reranked"] > 0
    assert not any(parameter.any() for parameter in found.scorer.parameters())


def test_a_half_without_users(make_graph):
    products = [(f"p{number}", "tea", None, ["drinks"]) for number in range(15)]
    events = [("ann", "tea", f"p{number}", 1, "purchase", "a", "x") for number in range(15)]
    later = [("ann", "tea", "p3", day, "purchase", f"d{day}", "x") for day in (12, 22)]
    found = fitted(make_graph(products, [*events, *later]), config())
    assert found.cases == 1
    assert found.recall["vector"] == found.recall["reranked"]
    assert all(torch.isfinite(parameter).all() for parameter in found.scorer.parameters())


def test_a_validation_period_without_choices_is_refused(make_graph):
    events = [("ann", "tea", "p0", day, action, f"s{day}", "x") for day, action in ((1, "purchase"), (12, "impression"), (22, "purchase"))]
    graph = make_graph([("p0", "tea", None, ["drinks"])], events)
    with pytest.raises(RequestError, match="the validation period of graph 'small' holds no event; move the recipe's split"):
        fitted(graph, config())


def test_cases_of_new_queries_are_fitted_more_often(tiny_graph, monkeypatch):
    settings = config(new_query_share=0.5, cold_query_share=0.5)
    _, examples = gathered(tiny_graph, settings)
    cases = build_cases(tiny_graph, "validation", settings.reranker.cases, settings.seed)
    asked = tiny_graph.before(cases.time).edges(("product", "rev_leads_to", "query")).degree()
    assert examples.new.sum() == (asked[cases.query] == 0).sum() + len(examples.new) - len(cases)
    # The tiny shop's queries are all old ones; take some for new.
    examples = replace(examples, new=np.arange(len(examples.new)) % 4 == 0)
    taught, drawn = [], reranker_fit._batches
    monkeypatch.setattr(reranker_fit, "_batches", lambda case, *rest: taught.append(case) or drawn(case, *rest))
    case = np.arange(10)
    fit(settings, examples, case)
    # Three of ten make half of the fit: 7 others, so each of them three times.
    assert np.array_equal(np.bincount(taught[0], minlength=10), np.where(case % 4 == 0, 3, 1))
