"""Guests are read as the graph's shoppers are: every part of the user tower, the walks and the factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import build
from towers import random_towers, tiny_config

from gnn_search.graph.store import Graph
from gnn_search.model.encoder import NodeEncoder
from gnn_search.model.guests import GuestEvents, Guests
from gnn_search.sampling.inputs import InputSampler
from gnn_search.sampling.walk.features import walk_features
from gnn_search.sampling.walk.index import Matched

NOTHING = Matched(np.empty(0, np.int64), np.empty(0, np.int32), np.empty((0, 2), np.float32))


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    folder: Path = tmp_path_factory.mktemp("guests")
    return build(write_rich_shop(folder / "shop"), folder / "graph")


def everything_done(graph: Graph, users: np.ndarray, shuffled: bool = False) -> GuestEvents:
    """Return all that some shoppers did, later events too, as events of guests 0, 1, …, a query's events beside the product's."""
    parts = []
    for action, name in enumerate(graph.manifest.actions):
        csr = graph.csr(("product", f"rev_{name}", "user"))
        for guest, user in enumerate(users):
            rows = slice(csr.indptr[user], csr.indptr[user + 1])
            size = rows.stop - rows.start
            query = asked(graph, user, csr.time[rows], csr.index[rows], name)
            parts.append([np.full(size, guest), csr.index[rows], np.full(size, action), query, csr.time[rows], csr.weight[rows]])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[4], kind="stable")
    if shuffled:
        # What happened at one moment keeps its order, as nothing else tells it.
        moment = np.unique(columns[4][order], return_inverse=True)[1]
        order = order[np.argsort(np.random.default_rng(0).permutation(moment.max() + 1)[moment], kind="stable")]
    types = (np.int32, np.int32, np.int32, np.int32, np.int64, np.float32)
    return GuestEvents(*(column[order].astype(dtype) for column, dtype in zip(columns, types, strict=True)))


def asked(graph: Graph, user: int, time: np.ndarray, product: np.ndarray, action: str) -> list[int]:
    """Return the query of each event, which the examples tell."""
    queries = {}
    for split in ("train", "validation", "test"):
        for row in graph.examples(split).filter(user=user, action=action).iter_rows(named=True):
            queries[row["time"], row["product"]] = row["query"]
    return [queries[int(moment), int(one)] for moment, one in zip(time, product, strict=True)]


def receive(graph: Graph, towers, users: np.ndarray, **changes) -> Guests:
    return Guests.receive(graph, towers, graph.nodes("user")[users], everything_done(graph, users, **changes))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("changes", [{}, {"user": {**PARTS["user"], "by_action": False}}])
def test_a_known_shopper_as_a_guest_has_the_same_vectors(graph, changes, shuffled):
    config = tiny_config(**{**PARTS, **changes})
    towers = random_towers(graph, config)
    encoder = NodeEncoder(towers, InputSampler(graph, config), graph.before(graph.manifest.test_start))
    users = np.array([3, 0, 14, 7, 9, 12], dtype=np.int32)
    guests = receive(graph, towers, users, shuffled=shuffled)
    torch.testing.assert_close(encoder.encode_users(guests), encoder.encode_users()[torch.from_numpy(users).long()], rtol=0, atol=1e-6)
    assert encoder.encode_users(guests).any(dim=1).all()
    query = np.arange(20, dtype=np.int32)
    plain = encoder.encode_queries(query)
    for guest, user in enumerate(users):
        own = encoder.personalise(plain, np.full(20, guest, np.int32), query, guests=guests)
        torch.testing.assert_close(own, encoder.personalise(plain, np.full(20, user, np.int32), query), rtol=0, atol=1e-6)
        assert not torch.equal(own, plain)


def test_guests_of_whom_nothing_is_known_leave_the_query_as_it_is_to_the_bit(graph):
    config = tiny_config(**PARTS)
    towers = random_towers(graph, config)
    encoder = NodeEncoder(towers, InputSampler(graph, config), graph.before(graph.manifest.test_start))
    # The last two shoppers are known from events alone, so they have no attribute.
    nothing = GuestEvents(*(np.empty(0, kind) for kind in ("i4", "i4", "i4", "i4", "i8", "f4")))
    guests, query = Guests.receive(graph, towers, graph.nodes("user")[[13, 14]], nothing), np.arange(20, dtype=np.int32)
    plain = encoder.encode_queries(query)
    assert torch.equal(encoder.personalise(plain, query % 2, query, guests=guests), plain)
    assert not encoder.encode_users(guests).any()


def test_walks_of_a_known_shopper_as_a_guest_are_the_same(graph):
    config = tiny_config(**PARTS, reranker={"factors": [2, 6], "recent": 4})
    towers, inputs = random_towers(graph, config), InputSampler(graph, config)
    view = graph.before(graph.manifest.test_start)
    walks = inputs.walks(view, inputs.categories(view))
    users = np.array([3, 0, 14, 7], dtype=np.int32)
    guests = receive(graph, towers, users)
    others = walks.for_shoppers(guests.graph, guests.history)
    np.testing.assert_allclose(others.factors.user, walks.factors.user[users], atol=1e-6)
    assert np.abs(others.factors.user).max() > 0.1
    guest, query = (part.ravel().astype(np.int32) for part in np.meshgrid(np.arange(-1, 4), np.arange(20)))
    user, near = np.r_[users, -1][guest], np.tile(np.arange(3, dtype=np.int32), (len(query), 1))
    one, two = walks.reach(user, query, query, NOTHING, near), others.reach(guest, query, query, NOTHING, near)
    for name in ("row", "product", "walked", "partners", "words"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    features = walk_features(walks, user, query, query, one), walk_features(others, guest, query, query, two)
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)
