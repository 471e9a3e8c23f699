"""What a query is read as, from its words to the result, in a shop of groceries with random weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from models import write_model

from gnn_search.requests.request import Request
from gnn_search.rerank.understanding import ConfidenceWeights
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model

SHELVES = {
    "coffee": ("ground coffee", "coffee beans", "instant coffee"),
    "pizza": ("pizza salami", "pizza margherita", "pizza single serve"),
    "milk": ("whole milk", "skimmed milk", "milk drink"),
    "dog": ("dog biscuits", "dry dog food", "dog chews"),
}
QUERIES = {
    "coffee": "coffee",
    "coffee beans": "coffee",
    "frozen pizza": "pizza",
    "frozen pizza single serve": "pizza",
    "whole milk": "milk",
    "dog food": "dog",
}


@pytest.fixture(scope="module")
def shop(make_graph):
    products = [
        (f"{shelf}{place}", title, None, ["food", shelf]) for shelf, titles in SHELVES.items() for place, title in enumerate(titles)
    ]
    events = [
        (f"u{number}", query, f"{shelf}{(number + day) % 3}", day, "purchase", f"{query}{number}{day}", "x")
        for query, shelf in QUERIES.items()
        for number in range(4)
        for day in (2, 7, 15)
    ]
    events += [("u0", "oat drink", "milk2", 25, "purchase", "late", "x"), ("u1", "oat drink", "milk2", 26, "purchase", "later", "x")]
    return make_graph(products, events)


@pytest.fixture(scope="module")
def retriever(shop, tmp_path_factory):
    return Retriever(open_model(write_model(shop, tmp_path_factory.mktemp("model") / "model")))


def candidates(retriever: Retriever, text: str) -> set[str]:
    """Return the shelves of the products that the graph gives for a text, but for those of its words."""
    found = retriever.encoder.encode(np.array([-1], np.int32), retriever._parser.parse([Request(text)]).text)
    lenders = retriever.encoder.nodes.known_queries.find([text], np.zeros((1, 16), np.float32)) if found.lenders is None else found.lenders
    candidates = retriever.ranker.candidates
    product = candidates._borrowed(lenders) % candidates.num_products
    return {shelf.rstrip("012") for shelf in retriever.products["product_id"].gather(product)}


@pytest.mark.parametrize(
    ("text", "read_as", "shelf"),
    [
        ("cofee", "coffee", "coffee"),
        ("Frozen  Pizzas", "frozen pizza", "pizza"),
        ("milk whole", "whole milk", "milk"),
        ("dogfood", "dog food", "dog"),
    ],
)
def test_a_new_query_is_read_as_known_ones(retriever, text, read_as, shelf):
    found = retriever.search(text)
    assert not found.query_known
    assert found.read_as[0] == read_as
    assert found.matches
    assert not found.notes
    assert shelf in candidates(retriever, found.query)
    assert json.loads(json.dumps(found.to_json()))["read_as"] == list(found.read_as)


def test_a_known_query_is_read_as_nothing_else(retriever):
    found = retriever.search("frozen pizza")
    assert (found.query_known, found.read_as, found.confidence, found.matches) == (True, (), 1, True)


@pytest.mark.parametrize("text", ["zzzz", "qqq wwq"])
def test_letters_are_no_words(retriever, text):
    """The text tower knows each letter, but nobody would say that it knows the query."""
    assert retriever.model.towers.text.knows([text]).all()
    found = retriever.search(text)
    assert (found.query_known, found.read_as, found.matches) == (False, (), False)
    assert found.confidence < 0.2
    assert found.notes == ("no word of this query is known to the log or the catalogue, so the list means nothing",)
    counts = retriever.search_many([Request(text), Request("coffee"), Request("cofee")]).counts()
    assert (counts.queries_new, counts.queries_without_words, counts.queries_ill_matched) == (2, 1, 1)


def test_words_of_the_catalogue_are_understood(retriever):
    found = retriever.search("biscuits")
    assert not found.notes
    assert found.confidence > retriever.search("zzzz").confidence


def test_what_is_first_searched_later_lends_nothing(shop, retriever):
    """Before anybody had searched for it, it is no known query; afterwards it lends to its plural."""
    assert retriever.search("oat drink").query_known is False
    assert "oat drink" not in retriever.search("oat drinks").read_as
    late = Retriever(retriever.model, as_of=shop.manifest.time_last + 1)
    assert late.search("oat drink").query_known
    assert late.search("oat drinks").read_as[0] == "oat drink"


def test_a_batch_a_cache_and_a_single_search_read_the_same(retriever):
    requests = [
        Request("cofee"),
        Request("coffee"),
        Request("cofee", history=["milk0"]),
        Request("zzzz"),
        Request("cofee", history=["milk0"]),
    ]
    found = retriever.search_many(requests)
    for place, request in enumerate(requests):
        for _ in range(2):  # the second time from the cache
            single = retriever.search(request.query, history=request.history)
            assert (single.read_as, single.query_known) == (found[place].read_as, found[place].query_known)
            assert single.confidence == pytest.approx(found[place].confidence, abs=1e-3)
            assert [hit.product_id for hit in single] == [hit.product_id for hit in found[place]]


@pytest.mark.parametrize("channel", ["vector", "graph", "lexical"])
def test_every_channel_says_so(retriever, channel):
    found = Retriever(retriever.model, RankingOptions(channel)).search("cofee")
    assert found.read_as[0] == "coffee"
    assert 0 < found.confidence < 1


def test_the_threshold_lies_between_queries_and_random_strings():
    random = np.random.Generator(np.random.Philox(4))
    made_up = np.repeat([False, True], 300)
    evidence = (random.random((600, 3)) * 0.5 + 0.4 * ~made_up[:, None]).astype(np.float32)
    fits = ~made_up & (random.random(600) < 0.9)
    fitted = ConfidenceWeights.fit(evidence, fits, made_up)
    chance = fitted.chance(evidence)
    assert (chance[~made_up] > fitted.threshold).mean() > 0.9
    assert (chance[made_up] < fitted.threshold).mean() > 0.9
    assert chance.mean() == pytest.approx(fits.mean(), abs=0.03)
    assert fitted.queries == 600
    assert min(fitted.lenders, fitted.words, fitted.cosine) >= 0
