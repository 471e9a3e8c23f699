"""The study of negatives against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from towers import random_towers, tiny_config

from gnn_search.errors import RequestError
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.batches import BatchSampler, Examples
from gnn_search.training.negative_examples import choose_negatives, show_negatives
from gnn_search.training.negative_study import Study, study_negatives

KINDS = ("in_batch", "uniform", "taxonomy", "in_batch_hard", "dynamic", "bm25")


def config():
    negatives = [*tiny_config().model_dump()["negatives"], {"kind": "dynamic", "depth": 6}]
    return choose_negatives(tiny_config(negatives=negatives), KINDS, 3)


@pytest.fixture(scope="module")
def encoder(tiny_graph):
    towers = random_towers(tiny_graph, config())
    view = tiny_graph.before(tiny_graph.manifest.validation_start)
    return NodeEncoder(towers, BatchSampler(tiny_graph, config()).inputs, view)


@pytest.fixture(scope="module")
def batches(tiny_graph):
    return BatchSampler(tiny_graph, config())


@pytest.mark.parametrize("kind", KINDS)
def test_it_counts_what_is_there(tiny_graph, encoder, batches, kind):
    study = {one.kind: one for one in study_negatives(encoder, batches, 3)}[kind]
    later = Examples.of(tiny_graph, "validation")
    events = set(zip(later.user.tolist(), later.query.tolist(), later.product.tolist(), strict=True))
    taught, chosen, chosen_by_same, asked, asked_by_same, above, distances = 0, 0, 0, 0, 0, 0, 0
    difference = []
    category = tiny_graph.taxonomy.product_category
    steps = sorted(set(np.linspace(0, batches.steps_per_epoch - 1, 3).astype(int).tolist()))
    for drawn in (one for step in steps for one in Study(encoder, batches).draw(0, step) if one.kind == kind):
        for row, column in np.argwhere(drawn.valid):
            user, query = int(drawn.positives.user[row]), int(drawn.positives.query[row])
            product = int(drawn.product[row, column])
            before = batches.examples.session_start[drawn.positives.example[[row]]]
            plain = encoder.encode_queries(np.array([query], np.int32))
            request = encoder.personalise(plain, np.array([user], np.int32), np.array([query], np.int32), before)[0]
            right, wrong = (float(request @ encoder.products[place]) for place in (drawn.positives.product[row], product))
            difference.append(right - wrong)
            taught += 1
            above += right < wrong
            distances += category[product] >= 0 and category[drawn.positives.product[row]] >= 0
            chosen += (query, product) in {event[1:] for event in events}
            asked += query in later.query
            chosen_by_same += user >= 0 and (user, query, product) in events
            asked_by_same += user >= 0 and (user, query) in {event[:2] for event in events}
    assert study.negatives == sum(study.hardness_counts) == taught
    assert study.mean_hardness == pytest.approx(np.mean(difference), abs=1e-5)
    assert study.share_above_positive == pytest.approx(above / taught)
    assert sum(study.category_distance.values()) == distances
    assert (study.same_query.count, study.same_query.observed) == (chosen, asked)
    assert (study.same_user_query.count, study.same_user_query.observed) == (chosen_by_same, asked_by_same)
    assert study.same_query.share == pytest.approx(chosen / taught)
    histogram = np.histogram(np.clip(difference, -1, 2), study.hardness_edges)[0]
    assert np.abs(np.cumsum(histogram) - np.cumsum(study.hardness_counts)).max() <= 1  # a difference may fall on a bound
    assert (study.levels is not None) == (kind == "taxonomy")


def test_the_hardest_are_harder_than_the_rest(encoder, batches):
    study = {one.kind: one for one in study_negatives(encoder, batches)}
    assert study["in_batch_hard"].mean_hardness < study["in_batch"].mean_hardness
    assert study["dynamic"].mean_hardness < study["uniform"].mean_hardness


def test_reasons_say_how_a_negative_was_found(tiny_graph, encoder, batches):
    query = tiny_graph.nodes("query")["query"][int(batches.examples.query[-1])]
    shown = show_negatives(encoder, batches, query, None, 3, ("in_batch", "taxonomy"), KINDS)
    assert shown.query == query
    products = tiny_graph.nodes("product")
    titles = dict(zip(products["product_id"], products["title"], strict=True))
    assert shown.positive.title == titles[shown.positive.product_id]
    by_kind = {one.kind: one for one in shown.samplers}
    assert list(by_kind) == ["in_batch", "uniform", "taxonomy", "dynamic", "bm25", "in_batch_hard"]
    assert [one.kind for one in shown.samplers if one.taught] == ["in_batch", "taxonomy"]
    for one in by_kind.values():
        assert 1 <= len(one.negatives) <= 3
        for negative in one.negatives:
            assert -1.001 <= negative.score <= 1.001
            assert negative.title == titles[negative.product_id]
    for negative in by_kind["taxonomy"].negatives:
        names = negative.reason.replace(" ↓ ", " ↑ ").removesuffix(", the same category").split(" ↑ ")
        assert names[0] == shown.positive.category.split(" > ")[-1]
        assert names[-1] == negative.category.split(" > ")[-1]
        assert negative.category_distance == len(names) - 1
    assert all("of the 6 nearest by the model" in negative.reason for negative in by_kind["dynamic"].negatives)
    scores = [negative.score for negative in by_kind["in_batch_hard"].negatives]
    assert scores == sorted(scores, reverse=True)


def test_a_query_that_nobody_issued_has_no_interaction(encoder, batches):
    with pytest.raises(RequestError, match=r"nobody interacted with a product for 'moon dust' in the training period .*; give a query"):
        show_negatives(encoder, batches, "moon dust", None, 3, (), KINDS)


def test_kinds_keep_their_settings_and_others_get_the_defaults():
    settings = tiny_config(negatives=[{"kind": "uniform", "count": 8, "mask": "query"}, {"kind": "bm25", "depth": 7}])
    assert choose_negatives(settings, ()) == settings
    chosen = choose_negatives(settings, ("bm25", "dynamic"), 4).negatives
    assert [one.kind for one in chosen] == ["in_batch", "bm25", "dynamic"]
    assert chosen[0].mask == "query"
    assert (chosen[1].depth, chosen[1].count, chosen[2].depth) == (7, 4, 100)
    assert [one.kind for one in choose_negatives(settings, ("uniform", "in_batch")).negatives] == ["uniform", "in_batch"]
