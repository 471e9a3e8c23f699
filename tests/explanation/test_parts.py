"""Parts of vectors, with every part of the towers on: they sum to the vectors that are ranked by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import build
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.explanation.cosine import split_cosine
from gnn_search.explanation.vector_parts import HISTORY, describe_attention, product_parts, request_parts
from gnn_search.model.features import Features
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.retrieval.request_encoder import EncodedRequests, RequestEncoder
from gnn_search.sampling.inputs import InputSampler
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import encode_nodes

USERS, TEXTS = (-1, 0, 3, 7, 13, 14), ("bread 0", "tea 1", "garten & möbel 0", "bread of old", "€€€")


@pytest.fixture(scope="module", params=["every part", "bare", "one sequence"])
def setting(request, tmp_path_factory) -> tuple[Model, RequestEncoder]:
    folder = tmp_path_factory.mktemp("parts")
    graph = build(write_rich_shop(folder / "shop"), folder / "graph")
    bare = {
        "product": {"queries": 0, "bought_with": 0, "category": False, "numeric": False, "attributes": False, "id_embedding": False},
        "query": {"products": 0, "id_embedding": False},
        "user": {"sequence_length": 0, "attributes": False, "attention_length": 0},
    }
    config = tiny_config(**{"every part": PARTS, "bare": bare, "one sequence": {"user": {"by_action": False}}}[request.param])
    retriever, inputs, words = random_towers(graph, config), InputSampler(graph, config), WordMatcher(graph, 5)
    # The manifest plays no part here.
    model = Model(Path("none"), None, config, graph, Features(graph), retriever, inputs, None, words)
    return model, RequestEncoder(model, encode_nodes(model, graph.manifest.test_start))


def encode(encoder: RequestEncoder, user: int, text: str) -> EncodedRequests:
    return encoder.encode(np.array([user], dtype=np.int32), pl.Series([text]))


def test_parts_of_products_sum_to_their_vectors(setting):
    model, encoder = setting
    vectors = encoder.nodes.products
    for product in range(0, len(vectors), 3):
        parts = product_parts(model, encoder.nodes, product)
        torch.testing.assert_close(functional.normalize(sum(parts.values()), dim=0), vectors[product], atol=2e-6, rtol=0)


def test_parts_of_requests_sum_to_their_vectors(setting):
    model, encoder = setting
    for user in USERS:
        for text in TEXTS:
            encoded = encode(encoder, user, text)
            parts = request_parts(model, encoder.nodes, encoded).parts
            torch.testing.assert_close(functional.normalize(sum(parts.values()), dim=0), encoded.vector[0], atol=2e-6, rtol=0)
            if user < 0:
                assert not [name for name in parts if "user" in name or name == HISTORY]


def test_a_cosine_is_the_sum_of_its_parts(setting):
    model, encoder = setting
    for user, text, product in zip(USERS, (*TEXTS, TEXTS[0]), range(0, 40, 7), strict=False):
        encoded = encode(encoder, user, text)
        request = request_parts(model, encoder.nodes, encoded).parts
        split = split_cosine(request, product_parts(model, encoder.nodes, product))
        ranked_by = (encoder.nodes.products[product] @ encoded.vector[0]).item()
        for parts in (split.request, split.product):
            assert sum(part.cosine for part in parts) == pytest.approx(ranked_by, abs=1e-5)


def test_the_history_adds_what_its_products_add(setting):
    model, encoder = setting
    seen = 0
    for user in USERS:
        encoded = encode(encoder, user, "bread 0")
        request, product = request_parts(model, encoder.nodes, encoded), product_parts(model, encoder.nodes, 5)
        found = describe_attention(model.graph, request, product, int(encoded.history_query[0]))
        assert found.history_query == "bread 0"
        assert (not found.products) == (HISTORY not in request.parts)
        if not found.products:
            assert found.nothing == 1
            continue
        seen += 1
        assert found.nothing + sum(one.weight for one in found.products) == pytest.approx(1, abs=1e-5)
        assert [one.weight for one in found.products] == sorted((one.weight for one in found.products), reverse=True)
        whole = next(part.cosine for part in split_cosine(request.parts, product).request if part.name == HISTORY)
        assert sum(one.cosine for one in found.products) == pytest.approx(whole, abs=1e-5)
    assert seen == 0 if model.config.user.attention_length == 0 else seen >= 2


def test_every_part_has_a_name_for_readers(setting):
    model, encoder = setting
    encoded = encode(encoder, 3, "bread 0")
    names = [*request_parts(model, encoder.nodes, encoded).parts, *product_parts(model, encoder.nodes, 5)]
    assert not [name for name in names if "_" in name]
    if model.config.product.brand:
        assert {"brand", "numbers (price)", "related products (also)"} <= set(names)
        assert {"attributes (size, region, town)", "attributes shared with users", "vector of all new products"} & set(names)
        assert {"user: brands", "user: attributes shared with products", HISTORY} <= set(names)


def test_a_new_product_has_the_vector_of_new_products(setting):
    model, encoder = setting
    known = encoder.nodes.with_id_embeddings().numpy()
    for product in (int(np.argmin(known)), int(np.argmax(known))):
        names = product_parts(model, encoder.nodes, product)
        if model.config.product.id_embedding:
            assert ("ID embedding" in names) == bool(known[product])
            assert ("vector of all new products" in names) == (not known[product])
