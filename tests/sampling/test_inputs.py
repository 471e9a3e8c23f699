"""What the towers read: users are told apart by their time, and switched-off parts are empty."""

from __future__ import annotations

import numpy as np
import pytest
from shops import DAY, build, write_tiny_shop

from gnn_search.config.training import TrainingConfig
from gnn_search.sampling.inputs import InputSampler


def sampler_of(graph, **changes) -> InputSampler:
    return InputSampler(graph, TrainingConfig.model_validate({"name": "test", **changes}))


def test_users_are_distinct_by_time(tiny_graph):
    sampler = sampler_of(tiny_graph)
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    user = np.array([3, -1, 3, 3, -1], np.int32)
    before = np.array([5, 6, 5, 7, 8], np.int64) + view.time
    users = sampler.users(user, np.zeros(5, np.int32), before, sampler.categories(view))
    assert users.user.tolist() == [-1, 3, 3]
    assert users.row.tolist() == [1, 0, 1, 2, 0]
    assert len(users.recent[0].indptr) == 4
    assert users.recent[0].indptr[1] == 0
    assert len(users.history.indptr) == 6


def test_nobody_asks(tiny_graph):
    sampler = sampler_of(tiny_graph)
    nobody = np.empty(0, np.int32)
    users = sampler.users(nobody, nobody, np.empty(0, np.int64), sampler.categories(tiny_graph.before(0)))
    assert users.row.tolist() == []
    assert users.history.indptr.tolist() == [0]


def test_without_randomness_products_have_the_latest_queries(tiny_graph):
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    found = sampler_of(tiny_graph, product={"queries": 3}).products(view, np.arange(40, dtype=np.int32))
    edges = view.edges(("query", "leads_to", "product"))
    for product in range(40):
        expected = edges.csr.index[edges.starts[product] : edges.ends[product]][-3:]
        assert found.queries.index[found.queries.indptr[product] : found.queries.indptr[product + 1]].tolist() == expected.tolist()


@pytest.mark.parametrize(("part", "changes"), [("profile", {"brands": True}), ("recent", {"sequence_length": 5})])
def test_sequences_of_a_user_are_read_where_they_count(tiny_graph, part, changes):
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    user, query = np.arange(4, dtype=np.int32), np.zeros(4, np.int32)
    sizes = []
    for user_settings in ({"sequence_length": 0}, {"sequence_length": 0, **changes}):
        sampler = sampler_of(tiny_graph, user=user_settings, product={"brand": True})
        users = sampler.users(user, query, np.full(4, view.time), sampler.categories(view))
        sizes.append({"profile": len(users.profile.product), "recent": len(users.recent)}[part])
    assert sizes[0] == 0
    assert sizes[1] > 0


@pytest.mark.parametrize("switch", ["queries", "bought_with"])
def test_a_part_that_is_off_is_empty(tiny_graph, switch):
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    found = sampler_of(tiny_graph, product={switch: 0}).products(view, np.arange(40, dtype=np.int32))
    sizes = {"queries": len(found.queries.index), "bought_with": len(found.partners.index)}
    assert sizes.pop(switch) == 0
    assert sizes.popitem()[1] > 0


def test_a_graph_without_partners(tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    recipe.write_text(recipe.read_text() + "edges: {bought_with: null}\n")
    graph = build(recipe, tmp_path / "graph")
    found = sampler_of(graph).products(graph.before(graph.manifest.time_last + DAY), np.array([1, 2], np.int32))
    assert found.partners.indptr.tolist() == [0, 0, 0]
    assert len(found.queries.index)
