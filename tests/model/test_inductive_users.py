"""Inductive users are read as the graph's own are: every part of the user tower, the candidates and the factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import build
from towers import random_towers, tiny_config

from gnn_search.graph.store import Graph
from gnn_search.model.inductive_users import InductiveUsers, UserEvents
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.word_matches import WordMatches
from gnn_search.sampling.inputs import InputSampler


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    folder: Path = tmp_path_factory.mktemp("inductive")
    return build(write_rich_shop(folder / "shop"), folder / "graph")


def everything_done(graph: Graph, users: np.ndarray, shuffled: bool = False) -> UserEvents:
    """Return all that some users did, later events too, as events of inductive users 0, 1, …, a query's events beside the product's."""
    parts = []
    for action, name in enumerate(graph.manifest.actions):
        csr = graph.csr(("product", f"rev_{name}", "user"))
        for number, user in enumerate(users):
            rows = slice(csr.indptr[user], csr.indptr[user + 1])
            size = rows.stop - rows.start
            query = queries_of(graph, user, csr.time[rows], csr.index[rows], name)
            parts.append([np.full(size, number), csr.index[rows], np.full(size, action), query, csr.time[rows], csr.weight[rows]])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[4], kind="stable")
    if shuffled:
        # What happened at one time keeps its order, as nothing else tells it.
        place = np.unique(columns[4][order], return_inverse=True)[1]
        order = order[np.argsort(np.random.default_rng(0).permutation(place.max() + 1)[place], kind="stable")]
    types = (np.int32, np.int32, np.int32, np.int32, np.int64, np.float32)
    return UserEvents(*(column[order].astype(dtype) for column, dtype in zip(columns, types, strict=True)))


def queries_of(graph: Graph, user: int, time: np.ndarray, product: np.ndarray, action: str) -> list[int]:
    """Return the query of each event, from the examples."""
    queries = {}
    for split in ("train", "validation", "test"):
        for row in graph.examples(split).filter(user=user, action=action).iter_rows(named=True):
            queries[row["time"], row["product"]] = row["query"]
    return [queries[int(when), int(one)] for when, one in zip(time, product, strict=True)]


def build_inductive(graph: Graph, towers, users: np.ndarray, **changes) -> InductiveUsers:
    return InductiveUsers.build(graph, towers, graph.nodes("user")[users], everything_done(graph, users, **changes))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("changes", [{}, {"user": {**PARTS["user"], "by_action": False}}])
def test_a_known_user_as_an_inductive_one_has_the_same_vectors(graph, changes, shuffled):
    config = tiny_config(**{**PARTS, **changes})
    towers = random_towers(graph, config)
    encoder = NodeEncoder(towers, InputSampler(graph, config), graph.before(graph.manifest.test_start))
    users = np.array([3, 0, 14, 7, 9, 12], dtype=np.int32)
    inductive = build_inductive(graph, towers, users, shuffled=shuffled)
    torch.testing.assert_close(encoder.encode_users(inductive), encoder.encode_users()[torch.from_numpy(users).long()], rtol=0, atol=1e-6)
    assert encoder.encode_users(inductive).any(dim=1).all()
    query = np.arange(20, dtype=np.int32)
    plain = encoder.encode_queries(query)
    for number, user in enumerate(users):
        own = encoder.personalise(plain, np.full(20, number, np.int32), query, inductive=inductive)
        torch.testing.assert_close(own, encoder.personalise(plain, np.full(20, user, np.int32), query), rtol=0, atol=1e-6)
        assert not torch.equal(own, plain)


def test_inductive_users_of_whom_nothing_is_known_leave_the_query_as_it_is_to_the_bit(graph):
    config = tiny_config(**PARTS)
    towers = random_towers(graph, config)
    encoder = NodeEncoder(towers, InputSampler(graph, config), graph.before(graph.manifest.test_start))
    # The last two users are known from events alone, so they have no attribute.
    nothing = UserEvents(*(np.empty(0, kind) for kind in ("i4", "i4", "i4", "i4", "i8", "f4")))
    inductive, query = InductiveUsers.build(graph, towers, graph.nodes("user")[[13, 14]], nothing), np.arange(20, dtype=np.int32)
    plain = encoder.encode_queries(query)
    assert torch.equal(encoder.personalise(plain, query % 2, query, inductive=inductive), plain)
    assert not encoder.encode_users(inductive).any()


def test_candidates_of_a_known_user_as_an_inductive_one_are_the_same(graph):
    config = tiny_config(**PARTS, reranker={"factors": [2, 6], "recent_length": 4})
    towers, inputs = random_towers(graph, config), InputSampler(graph, config)
    view = graph.before(graph.manifest.test_start)
    candidates = CandidateIndex(view, config.reranker, inputs.history, inputs.categories(view))
    users = np.array([3, 0, 14, 7], dtype=np.int32)
    inductive = build_inductive(graph, towers, users)
    others = candidates.for_users(inductive.graph, inductive.history)
    np.testing.assert_allclose(others.factors.user, candidates.factors.user[users], atol=1e-6)
    assert np.abs(others.factors.user).max() > 0.1
    number, query = (part.ravel().astype(np.int32) for part in np.meshgrid(np.arange(-1, 4), np.arange(20)))
    user, near = np.r_[users, -1][number], np.tile(np.arange(3, dtype=np.int32), (len(query), 1))
    one, two = (
        candidates.find_candidates(user, query, query, WordMatches.none(len(user)), near),
        others.find_candidates(number, query, query, WordMatches.none(len(user)), near),
    )
    for name in ("row", "product", "from_graph", "partners", "words"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    features = candidate_features(candidates, user, query, query, one), candidate_features(others, number, query, query, two)
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)
