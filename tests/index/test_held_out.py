"""Requests of the validation period, as the model encodes them."""

from __future__ import annotations

import numpy as np

from gnn_search.graph.cases import build_cases
from gnn_search.index.held_out import held_out_queries
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


def test_they_are_what_a_search_would_ask(tiny_model):
    model = open_model(tiny_model)
    shop = open_node_embeddings(model)
    cases = build_cases(model.graph, "validation", 25)
    queries = held_out_queries(model, shop, 25)
    distinct = np.unique(cases.query)
    assert queries.shape == (25 + len(distinct), 16)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    encoded = RequestEncoder(model, shop).encode_nodes(cases.user, cases.query).vector.numpy()
    np.testing.assert_allclose(queries[:25], encoded, atol=1e-6)
    np.testing.assert_allclose(queries[25:], shop.vectors["query"][distinct], atol=1e-6)
