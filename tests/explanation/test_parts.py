"""Parts of vectors, with every part of the towers on: they sum to the vectors that are ranked by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich_shop import PARTS, write_rich_shop
from shops import build
from torch.nn import functional
from towers import random_towers, tiny_config

from gnn_search.explanation.attention import describe_attention
from gnn_search.explanation.cosine import split_cosine
from gnn_search.explanation.product_parts import product_parts
from gnn_search.explanation.request_parts import HISTORY, request_parts
from gnn_search.model.features import Features
from gnn_search.model.store import Model
from gnn_search.retrieval.vector_channel import VectorChannel
from gnn_search.sampling.inputs import InputSampler
from gnn_search.sampling.walk.words import WordIndex
from gnn_search.vectors.shop_vectors import encode_shop

USERS, TEXTS = (-1, 0, 3, 7, 13, 14), ("bread 0", "tea 1", "garten & möbel 0", "bread of old", "€€€")


@pytest.fixture(scope="module", params=["every part", "bare", "one sequence"])
def channel(request, tmp_path_factory) -> VectorChannel:
    folder = tmp_path_factory.mktemp("parts")
    graph = build(write_rich_shop(folder / "shop"), folder / "graph")
    bare = {
        "product": {"queries": 0, "bought_with": 0, "category": False, "numeric": False, "attributes": False, "id_embedding": False},
        "query": {"products": 0, "id_embedding": False},
        "user": {"sequence_length": 0, "attributes": False, "attention_length": 0},
    }
    config = tiny_config(**{"every part": PARTS, "bare": bare, "one sequence": {"user": {"by_action": False}}}[request.param])
    towers, inputs, words = random_towers(graph, config), InputSampler(graph, config), WordIndex(graph, 5)
    # The manifest plays no part here.
    model = Model(Path("none"), None, config, graph, Features.of(graph), towers, inputs, None, words)
    return VectorChannel(model, encode_shop(model, graph.manifest.test_start))


def test_parts_of_products_sum_to_their_vectors(channel):
    vectors = channel.encoder.products
    for product in range(0, len(vectors), 3):
        parts = product_parts(channel._model, channel.encoder, product)
        torch.testing.assert_close(functional.normalize(sum(parts.values()), dim=0), vectors[product], atol=2e-6, rtol=0)


def test_parts_of_requests_sum_to_their_vectors(channel):
    for user in USERS:
        for text in TEXTS:
            asked = channel.ask_texts(np.array([user], dtype=np.int32), [text])
            parts = request_parts(channel._model, channel.encoder, asked).parts
            torch.testing.assert_close(functional.normalize(sum(parts.values()), dim=0), asked.vector[0], atol=2e-6, rtol=0)
            if user < 0:
                assert not [name for name in parts if "shopper" in name or name == HISTORY]


def test_a_cosine_is_the_sum_of_its_parts(channel):
    for user, text, product in zip(USERS, (*TEXTS, TEXTS[0]), range(0, 40, 7), strict=False):
        asked = channel.ask_texts(np.array([user], dtype=np.int32), [text])
        request = request_parts(channel._model, channel.encoder, asked).parts
        split = split_cosine(request, product_parts(channel._model, channel.encoder, product))
        ranked_by = channel.index.similarity(asked.vector.numpy(), np.zeros(1, np.int64), np.array([product], np.int32)).item()
        for parts in (split.request, split.product):
            assert sum(part.cosine for part in parts) == pytest.approx(ranked_by, abs=1e-5)


def test_the_history_adds_what_its_products_add(channel):
    seen = 0
    for user in USERS:
        asked = channel.ask_texts(np.array([user], dtype=np.int32), ["bread 0"])
        request, product = request_parts(channel._model, channel.encoder, asked), product_parts(channel._model, channel.encoder, 5)
        told = describe_attention(channel._model.graph, request, product, int(asked.recalling[0]))
        assert told.recalled_by == "bread 0"
        assert (not told.products) == (HISTORY not in request.parts)
        if not told.products:
            assert told.nothing == 1
            continue
        seen += 1
        assert told.nothing + sum(one.weight for one in told.products) == pytest.approx(1, abs=1e-5)
        assert [one.weight for one in told.products] == sorted((one.weight for one in told.products), reverse=True)
        whole = next(part.cosine for part in split_cosine(request.parts, product).request if part.name == HISTORY)
        assert sum(one.cosine for one in told.products) == pytest.approx(whole, abs=1e-5)
    assert seen == 0 if channel._model.config.user.attention_length == 0 else seen >= 2


def test_every_part_has_a_name_for_readers(channel):
    asked = channel.ask_texts(np.array([3], dtype=np.int32), ["bread 0"])
    names = [*request_parts(channel._model, channel.encoder, asked).parts, *product_parts(channel._model, channel.encoder, 5)]
    assert not [name for name in names if "_" in name]
    if channel._model.config.product.brand:
        assert {"brand", "numbers (price)", "related products (also)"} <= set(names)
        assert {"attributes (size, region, town)", "attributes shared with shoppers", "vector of all new products"} & set(names)
        assert {"shopper: brands", "shopper: attributes shared with products", HISTORY} <= set(names)


def test_a_new_product_has_the_vector_of_new_products(channel):
    known = channel.encoder.with_id_embeddings().numpy()
    for product in (int(np.argmin(known)), int(np.argmax(known))):
        names = product_parts(channel._model, channel.encoder, product)
        if channel._model.config.product.id_embedding:
            assert ("ID embedding" in names) == bool(known[product])
            assert ("vector of all new products" in names) == (not known[product])
