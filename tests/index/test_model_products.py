"""What an index of a model's products is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnn_search.graph.cases import build_cases
from gnn_search.graph.store import to_datetime
from gnn_search.index.boosting.boost import Boost, build_boost
from gnn_search.index.model_products import held_out_queries, products_to_index
from gnn_search.retrieval.request_encoder import RequestEncoder
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import open_node_embeddings


@pytest.fixture(scope="module")
def opened(tiny_model):
    model = open_model(tiny_model)
    return model, open_node_embeddings(model)


def boost_of(model, **weights: list[float]) -> Boost:
    named = {action: np.array(values, np.float32) for action, values in weights.items()}
    return replace(build_boost(model.graph, ["recency"]), weights=named)


def test_without_a_boost_they_are_the_models_own(opened):
    model, shop = opened
    products = products_to_index(model, shop, 25, seed=3)
    assert np.array_equal(products.vectors, shop.vectors["product"])
    assert np.array_equal(products.queries, held_out_queries(model, shop, 25, 3))
    assert products.ids.equals(model.graph.nodes("product")["product_id"])
    assert products.origin == {
        "model_hash": model.manifest.hash, "graph_hash": model.graph.manifest.hash, "as_of": to_datetime(shop.as_of).isoformat(),
    }  # fmt: skip


def test_a_boost_adds_what_is_known_by_then_and_the_weights_of_each_action_in_turn(opened):
    model, shop = opened
    boost = boost_of(model, click=[0.5, 0.25], purchase=[-1.0, 0.0])
    products = products_to_index(model, shop, 25, boost=boost)
    plain = held_out_queries(model, shop, 25)
    known = boost.at(model.graph.before(shop.as_of)).quality
    assert (known != boost.quality).any()
    turns = np.array([[0.5, 0.25], [-1.0, 0.0]], np.float32)[np.arange(len(plain)) % 2]
    expected = plain @ shop.vectors["product"].T + turns @ known.T
    np.testing.assert_allclose(products.queries @ products.vectors.T, expected, atol=1e-5)


def test_the_hash_is_of_the_qualities_and_not_of_the_weights(opened):
    model, shop = opened
    said = [
        products_to_index(model, shop, 5, boost=boost).origin["quality_hash"]
        for boost in (boost_of(model, purchase=[1, 0]), boost_of(model, purchase=[0, 2]))
    ]
    other = replace(build_boost(model.graph, ["popularity"]), weights={"purchase": np.ones(2, np.float32)})
    assert said[0] == said[1] == boost_of(model, purchase=[1, 0]).at(model.graph.before(shop.as_of)).quality_hash
    assert products_to_index(model, shop, 5, boost=other).origin["quality_hash"] != said[0]


def test_in_blocks_on_disk_they_are_the_same(opened, tmp_path):
    model, shop = opened
    boost = boost_of(model, purchase=[1.0, 0.5])
    mapped = products_to_index(model, shop, 5, boost=boost, scratch=tmp_path, block=7)
    assert (tmp_path / "boosted.npy").is_file()
    assert np.array_equal(mapped.vectors, products_to_index(model, shop, 5, boost=boost).vectors)


def test_held_out_queries_are_encoded_as_a_search_encodes_them(opened):
    model, shop = opened
    cases = build_cases(model.graph, "validation", 25)
    queries = held_out_queries(model, shop, 25)
    distinct = np.unique(cases.query)
    assert queries.shape == (25 + len(distinct), 16)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    asked = RequestEncoder(model, shop).encode_nodes(cases.user, cases.query).vector.numpy()
    np.testing.assert_allclose(queries[:25], asked, atol=1e-6)
    np.testing.assert_allclose(queries[25:], shop.vectors["query"][distinct], atol=1e-6)
