"""Validation recall against a plain count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from towers import random_towers, tiny_config

from gnn_search.errors import DivergenceError
from gnn_search.graph.cases import build_cases
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.inputs import InputSampler
from gnn_search.training.validation import validation_recall


@pytest.fixture(scope="module")
def encoder(tiny_graph) -> NodeEncoder:
    config = tiny_config()
    view = tiny_graph.before(tiny_graph.manifest.validation_start)
    return NodeEncoder(random_towers(tiny_graph, config), InputSampler(tiny_graph, config), view)


@pytest.fixture(scope="module")
def cases(tiny_graph):
    return build_cases(tiny_graph, "validation")


def nothing_held_out(encoder):
    return np.zeros(encoder.view.graph.num_nodes["query"], dtype=np.bool_)


def test_queries_that_were_held_out_count_as_new_ones(encoder, cases):
    held = nothing_held_out(encoder)
    held[np.unique(cases.query)[::2]] = True
    shares = []
    for case in range(len(cases)):
        user, query = cases.user[[case]], cases.query[[case]]
        request = encoder.encode_borrowing(user, query, cold=True)[0] if held[query[0]] else encoder.encode_requests(user, query)
        relevant = set(cases.product[cases.indptr[case] : cases.indptr[case + 1]].tolist())
        shares.append(len(relevant & set((request[0] @ encoder.products.T).topk(10).indices.tolist())) / len(relevant))
    found = validation_recall(encoder, cases, held)
    assert found == pytest.approx(np.mean(shares))
    assert found != validation_recall(encoder, cases, nothing_held_out(encoder))


def test_it_is_the_mean_share_found_among_ten(encoder, cases):
    products = encoder.products
    shares = []
    for case in range(len(cases)):
        scores = encoder.encode_requests(cases.user[[case]], cases.query[[case]])[0] @ products.T
        relevant = set(cases.product[cases.indptr[case] : cases.indptr[case + 1]].tolist())
        shares.append(len(relevant & set(scores.topk(10).indices.tolist())) / len(relevant))
    assert 0 < np.mean(shares) < 1
    assert validation_recall(encoder, cases, nothing_held_out(encoder)) == pytest.approx(np.mean(shares))


def test_blocks_do_not_matter(encoder, cases):
    whole = validation_recall(encoder, cases, nothing_held_out(encoder))
    assert validation_recall(encoder, cases, nothing_held_out(encoder), block=3) == pytest.approx(whole)


def test_a_catalogue_of_fewer_than_k_is_found_whole(encoder, cases):
    assert validation_recall(encoder, cases, nothing_held_out(encoder), k=50) == 1.0


def test_no_case_of_another_counts(encoder, cases):
    """The relevant products of case i, moved to case i + 1, are other cases' business."""
    one = replace(cases, user=cases.user[:1], query=cases.query[:1], indptr=cases.indptr[:2], product=cases.product[: cases.indptr[1]])
    requests = encoder.encode_requests(one.user, one.query)
    listed = set((requests[0] @ encoder.products.T).topk(10).indices.tolist())
    expected = len(listed & set(one.product.tolist())) / len(one.product)
    assert validation_recall(encoder, one, nothing_held_out(encoder)) == pytest.approx(expected)
    assert torch.is_grad_enabled()


def test_vectors_of_no_number_are_refused(tiny_graph, cases):
    config = tiny_config()
    towers = random_towers(tiny_graph, config)
    with torch.no_grad():
        for parameter in towers.parameters():
            parameter.fill_(float("nan"))
    view = tiny_graph.before(tiny_graph.manifest.validation_start)
    with pytest.raises(DivergenceError, match="the vector of a product is not finite"):
        validation_recall(NodeEncoder(towers, InputSampler(tiny_graph, config), view), cases, np.zeros(20, np.bool_))
