from __future__ import annotations

import numpy as np
import pytest
import torch

from gnn_search.config.baselines import LightGcnSettings
from gnn_search.evaluation.baselines.lightgcn import LightGcn
from gnn_search.evaluation.baselines.popularity import Popularity

GROUPS, EACH = 3, 4
SETTINGS = LightGcnSettings(dimension=8, layers=2, steps=60, batch_size=64, negatives=4, learning_rate=0.05, weight_decay=1e-4, seed=0)


@pytest.fixture(scope="module")
def planted(make_graph):
    """Three kinds of users, each of whom chooses the four products of a kind, all for one query; and a product that nobody chose."""
    products = [(f"p{i:02}", f"t{i}", None, ["a"]) for i in range(GROUPS * EACH + 1)]
    events = [
        (f"u{group}{user}", "x", f"p{group * EACH + product:02}", 1 + user, "purchase", f"s{group}{user}{product}", "f")
        for group in range(GROUPS)
        for user in range(4)
        for product in range(EACH)
        # The last user of a kind has not yet seen one of its products.
        if not (user == 3 and product == group)
    ]
    events += [("late", "new", "p00", 12, "purchase", "v", "f"), ("late", "x", "p01", 22, "purchase", "w", "f")]
    events += [(None, "y", f"p{4 + product:02}", 5, "purchase", f"n{product}", "f") for product in range(EACH)]
    return make_graph(products, events)


def trained(graph, **changes):
    view = graph.before(graph.manifest.validation_start)
    return LightGcn(view, Popularity(view), SETTINGS.model_copy(update=changes))


@pytest.fixture(scope="module")
def ranker(planted):
    return trained(planted)


def node(graph, kind, name):
    return graph.nodes(kind).to_series(0).to_list().index(name)


def ask(ranker, graph, user, query, k):
    users = np.array([node(graph, "user", user) if user else -1], dtype=np.int32)
    return ranker.rank(users, np.array([node(graph, "query", query)], dtype=np.int32), k)


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_user_is_given_what_others_of_the_kind_chose(ranker, planted, group):
    found = ask(ranker, planted, f"u{group}3", "x", EACH).product[0]
    assert sorted(found.tolist()) == [group * EACH + product for product in range(EACH)]


def test_an_unknown_user_gets_what_the_query_led_to(ranker, planted):
    assert sorted(ask(ranker, planted, None, "y", EACH).product[0].tolist()) == [4, 5, 6, 7]
    # "late" is known only from validation on.
    assert (ask(ranker, planted, "late", "y", 5).product == ask(ranker, planted, None, "y", 5).product).all()


def test_a_new_query_gets_what_is_popular_and_a_new_product_is_never_listed(ranker, planted):
    popular = Popularity(planted.before(planted.manifest.validation_start))
    asked = np.array([0], dtype=np.int32), np.array([node(planted, "query", "new")], dtype=np.int32)
    assert (ranker.rank(*asked, 5).product == popular.rank(*asked, 5).product).all()
    whole = ask(ranker, planted, "u00", "x", 13)
    assert whole.product[0, -1] == -1
    assert np.isneginf(whole.score[0, -1])
    assert sorted(whole.product[0, :-1].tolist()) == list(range(12))


def test_training_is_reproducible_and_leaves_the_random_state_alone(planted):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (trained(planted, steps=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    scores = [ask(one, planted, "u00", "x", 12).score for one in (first, again, other)]
    assert (scores[0] == scores[1]).all()
    assert (scores[0] != scores[2]).any()


def test_progress_is_told(planted):
    view = planted.before(planted.manifest.validation_start)
    told = []
    LightGcn(view, Popularity(view), SETTINGS.model_copy(update={"steps": 3}), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
