"""What is fitted on new queries: how far known ones count, and whether a list fits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from towers import random_towers, tiny_config

from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.rerank.understanding import Understanding
from gnn_search.rerank.word_matches import WordMatcher
from gnn_search.sampling.inputs import InputSampler
from gnn_search.training.reranker_fit import fit_reranker
from gnn_search.training.understanding_fit import fit_confidence, fit_lender_weights, fit_understanding

COLOURS, THINGS = ("red", "green", "blue", "white", "black", "grey", "pink", "brown"), ("lamps", "chairs", "towels", "knives", "candles")
TEXT = {"text": {"vocabulary": 200, "max_tokens": 8}}


@pytest.fixture(scope="module")
def shop(make_graph):
    """Queries are a colour and a thing, and lead to that thing whatever the colour."""
    products = [(f"{thing}{place}", f"{thing} {place}", None, ["home", thing]) for thing in THINGS for place in range(6)]
    events = [
        ("u", f"{colour} {thing}", f"{thing}{(place + day) % 6}", day, "purchase", f"{colour}{thing}{day}", "x")
        for thing in THINGS
        for place, colour in enumerate(COLOURS)
        for day in (2, 5, 12, 22)
    ]
    return make_graph(products, events)


def encoder_of(graph) -> NodeEncoder:
    config = tiny_config()
    return NodeEncoder(random_towers(graph, config), InputSampler(graph, config), graph.before(graph.manifest.validation_start))


def test_lenders_weigh_what_their_categories_have_in_common(shop):
    encoder = encoder_of(shop)
    fitted = fit_lender_weights(encoder, 1)
    assert fitted.pairs > 100
    encoder.use_lender_weights(fitted)
    assert encoder.known_queries.weights == encoder.lender_weights == fitted
    # A typo is read as the query; with a query left out, half of what is like it by words is of another thing.
    vectors = torch.zeros(2, 16).numpy()
    found = encoder.known_queries.find(["redd lamps", "mauve sofas"], vectors)
    assert shop.nodes("query")["query"][int(found.query[0])] == "red lamps"
    assert found.best()[1][0] > 0.6
    assert found.best()[1][1] < 0.3
    assert fit_lender_weights(encoder_of(shop), 1) == fitted
    assert fit_lender_weights(encoder_of(shop), 2) != fitted


def test_the_confidence_tells_queries_from_random_strings(shop):
    encoder = encoder_of(shop)
    fitted = fit_confidence(encoder, None, None, WordMatcher(shop, 0), 1)
    assert fitted.queries == 2 * len(COLOURS) * len(THINGS)
    assert fitted.chance(np.array([[0.9, 1, 0.9]], np.float32))[0] > fitted.threshold > fitted.chance(np.zeros((1, 3), np.float32))[0]


def test_without_categories_or_queries_the_guess_stays(make_graph):
    events = [("u", "tea", "p", day, "purchase", f"s{day}", "x") for day in (1, 12, 22)]
    bare = make_graph([("p", "tea", None, []), ("q", "jam", None, [])], events)
    assert fit_understanding(tiny_config(), bare, random_towers(bare, tiny_config()), InputSampler(bare, tiny_config())) == Understanding()


def test_the_reranker_is_fitted_with_it(shop):
    config = tiny_config(reranker={"epochs": 1, "batch_size": 8, "hidden": 8})
    fitted, again = (fit_reranker(config, shop, random_towers(shop, config), InputSampler(shop, config)) for _ in range(2))
    assert fitted.understanding == again.understanding
    assert fitted.understanding.lenders.pairs > 100
    assert fitted.understanding.confidence.queries == 2 * len(COLOURS) * len(THINGS)
