"""Known queries that are like a text, in a shop of groceries."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from gnn_search.graph.known_queries.finder import KnownQueries
from gnn_search.graph.known_queries.lenders import MEANING, SPELLING, STEMS, Lenders
from gnn_search.graph.known_queries.nearest import NearestVectors
from gnn_search.graph.known_queries.weights import LenderWeights

QUERIES = [
    "coffee", "ground coffee", "coffee filters", "frozen pizza", "frozen pizza single serve", "whole milk", "ice cream", "backpack",
    "dog food", "toffee", "late query", "crème fraîche",
]  # fmt: skip
KNOWN = [True] * 10 + [False, True]
DIMENSION = 16


def view_of(queries: list[str], known: list[bool], language: str = "english") -> SimpleNamespace:
    """Return what a finder reads of a view: the recipe's language, the queries' texts, and how many interactions each had before."""
    edges = SimpleNamespace(degree=lambda: np.array(known, dtype=np.int64))
    manifest = SimpleNamespace(recipe={"language": language})
    graph = SimpleNamespace(manifest=manifest, nodes=lambda node_type: {"query": pl.Series(queries)})
    return SimpleNamespace(graph=graph, edges=lambda edge_type: edges)


def finder_of(queries: list[str], known: list[bool], vectors: np.ndarray, **settings) -> KnownQueries:
    return KnownQueries(view_of(queries, known), lambda query: vectors[query], **settings)


def finder(**settings) -> KnownQueries:
    """Return a finder without vectors, so that words alone count."""
    return finder_of(QUERIES, KNOWN, np.zeros((len(QUERIES), DIMENSION), np.float32), **settings)


def names(found: Lenders, text: int = 0) -> list[str]:
    return [QUERIES[query] for query in found.query[found.indptr[text] : found.indptr[text + 1]]]


def find(texts: list[str], **settings) -> Lenders:
    return finder(**settings).find(texts, np.zeros((len(texts), DIMENSION), np.float32))


@pytest.mark.parametrize(
    ("text", "best", "least"),
    [
        ("cofee", "coffee", 0.7),
        ("coffe filters", "coffee filters", 0.85),
        ("frozen pizzas", "frozen pizza", 0.9),
        ("pizza frozen", "frozen pizza", 0.9),
        ("serve single pizza frozen", "frozen pizza single serve", 0.9),
        ("whole milks", "whole milk", 0.9),
        ("wohle milk", "whole milk", 0.4),
        ("icecream", "ice cream", 0.8),
        ("back pack", "backpack", 0.8),
        ("creme fraiche", "crème fraîche", 0.8),
        ("food for my dog", "dog food", 0.15),
    ],
)
def test_typos_plurals_order_and_spaces(text, best, least):
    found = find([text])
    assert names(found)[0] == best
    assert found.weight[0] > least


@pytest.mark.parametrize(("language", "alike"), [("german", True), ("english", False)])
def test_stems_are_those_of_the_recipes_language(language, alike):
    queries, vectors = ["haus", "auto"], np.zeros((2, DIMENSION), np.float32)
    found = KnownQueries(view_of(queries, [True, True], language), lambda query: vectors[query]).find(["häuser"], vectors[:1])
    assert (found.likeness[:, STEMS] == 1).tolist() == ([True] if alike else [])


def test_several_lend_in_proportion_to_their_likeness():
    found = find(["frozen pizzas", "zzzz", "coffee grounds"])
    assert names(found)[:2] == ["frozen pizza", "frozen pizza single serve"]
    assert found.weight[0] > found.weight[1] > 0
    assert found.likeness[0, STEMS] == 1
    assert found.likeness[0, SPELLING] == pytest.approx(1 - 1 / 13)
    # Two of four stems: Dice's coefficient by idf.
    idf = finder().stem_lists.idf
    numbers = finder().stem_lists._number
    shared, others = (sum(idf[numbers[word]] for word in words) for words in (("frozen", "pizza"), ("singl", "serv")))
    assert found.likeness[1, STEMS] == pytest.approx(2 * shared / (2 * shared + others), abs=1e-6)
    assert names(found, 1) == []
    assert set(names(found, 2)) >= {"ground coffee", "coffee", "coffee filters"}


def test_each_text_finds_the_same_alone_and_beside_others():
    texts = ["cofee", "zzzz", "", "frozen pizzas", "ice"]
    together = find(texts)
    for place, text in enumerate(texts):
        alone, taken = find([text]), together.take(np.array([place]))
        for name in ("indptr", "query", "weight", "likeness"):
            assert np.array_equal(getattr(alone, name), getattr(taken, name)), (text, name)


def test_the_excluded_lend_nothing():
    own = np.array([QUERIES.index("coffee"), -1], dtype=np.int32)
    found = finder().find(["coffee", "coffee"], np.zeros((2, DIMENSION), np.float32), own)
    assert "coffee" not in names(found, 0)
    assert "ground coffee" in names(found, 0)
    assert names(found, 1)[0] == "coffee"


def test_a_query_without_an_interaction_before_lends_nothing():
    assert names(find(["late querys"])) == []
    known = [*KNOWN[:10], True, True]
    later = finder_of(QUERIES, known, np.zeros((len(QUERIES), DIMENSION), np.float32))
    assert names(later.find(["late querys"], np.zeros((1, DIMENSION), np.float32))) == ["late query"]


def test_meaning_finds_what_words_do_not():
    vectors = np.eye(len(QUERIES), DIMENSION, dtype=np.float32)
    towards = vectors[QUERIES.index("backpack")] * 0.8 + vectors[QUERIES.index("dog food")] * 0.6
    found = finder_of(QUERIES, KNOWN, vectors, weights=LenderWeights(intercept=-4, meaning=5)).find(["rucksack"], towards[None])
    assert names(found)[:2] == ["backpack", "dog food"]
    assert found.likeness[:2, MEANING].tolist() == pytest.approx([0.8, 0.6], abs=1e-3)
    assert not found.likeness[:2, STEMS].any()


def test_at_most_so_many_lend():
    assert np.diff(find(["coffee filters ground"], most=2).indptr).tolist() == [2]


def test_no_known_query_and_no_text():
    nothing = finder_of(QUERIES, [False] * len(QUERIES), np.zeros((len(QUERIES), DIMENSION), np.float32))
    assert len(nothing.find(["coffee"], np.zeros((1, DIMENSION), np.float32)).query) == 0
    assert len(find([])) == 0
    signs = finder_of(["🍞", "!"], [True, True], np.zeros((2, DIMENSION), np.float32))
    assert np.diff(signs.find(["coffee", "🍞"], np.zeros((2, DIMENSION), np.float32)).indptr).tolist() == [0, 0]


def test_many_postings_still_find_the_same_words():
    """A stem of more queries than are looked at: the exact words are found all the same."""
    random = np.random.Generator(np.random.Philox(3))
    queries = [f"shirt w{number}" for number in range(3000)]
    queries.insert(1500, "red shirt w7 w9")
    index = finder_of(queries, [True] * len(queries), np.zeros((len(queries), DIMENSION), np.float32))
    numbers = random.integers(0, 3000, 20).tolist()
    texts = [*(f"w{number} shirts" for number in numbers), "w9 w7 shirts red new"]
    found = index.find(texts, np.zeros((len(texts), DIMENSION), np.float32))
    assert [queries[query] for query in found.best()[0]] == [*(f"shirt w{number}" for number in numbers), "red shirt w7 w9"]


@pytest.mark.parametrize("count", [50, 9000])
def test_nearest_vectors_exact_or_not(count):
    random = np.random.Generator(np.random.Philox(5))
    vectors = random.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = 0
    index = NearestVectors(vectors)
    row, place = index.search(vectors[:40], 5)
    own = np.flatnonzero(row == place)
    assert row[own].tolist() == [number for number in range(40) if number != 7]
    cosine = index.cosine(vectors[:40], row, place)
    np.testing.assert_allclose(cosine, np.einsum("nd,nd->n", vectors[row], vectors[place]), atol=2e-3)


def test_lenders_taken_joined_and_spread():
    found = find(["cofee", "zzzz", "frozen pizzas"])
    again = Lenders.joined([found.take(np.array([place])) for place in range(3)])
    assert np.array_equal(again.query, found.query)
    assert again.indptr.tolist() == found.indptr.tolist()
    spread = found.spread(np.array([1, 3, 4]), 6)
    assert np.diff(spread.indptr).tolist() == [0, len(names(found, 0)), 0, 0, len(names(found, 2)), 0]
    query, weight = found.best()
    assert (QUERIES[query[0]], query[1], weight[1]) == ("coffee", -1, 0)
    weights = found.weight[found.indptr[0] : found.indptr[1]].astype(np.float64)
    assert found.reach().tolist() == pytest.approx([1 - np.prod(1 - weights), 0, found.reach()[2]], abs=1e-5)
    assert finder().names(found, float(found.weight[0]))[0] == ("coffee",)


def test_a_text_takes_at_most_a_few_milliseconds_among_many():
    """Generous, as tests run beside others: a scan of all known queries would take over a hundred times as long."""
    random = np.random.Generator(np.random.Philox(1))
    words = ["".join(random.choice(list("abcdefghijklmnoprstuvwy"), 7)) for _ in range(20_000)]
    share = 1 / np.arange(1, len(words) + 1)
    picked = random.choice(len(words), (200_000, 3), p=share / share.sum())
    queries = sorted({" ".join(words[word] for word in row) for row in picked.tolist()})
    vectors = random.standard_normal((len(queries), DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = finder_of(queries, [True] * len(queries), vectors)
    index.warm_up()
    texts = [query[:5] + query[6:] for query in queries[:: len(queries) // 200]]
    start = time.process_time()
    found = [index.find([text], vectors[:1]) for text in texts]
    assert (time.process_time() - start) / len(texts) < 0.02
    assert np.mean([len(one.query) > 0 for one in found]) > 0.95
