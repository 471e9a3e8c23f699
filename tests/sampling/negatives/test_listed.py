"""Negatives from lists: even draws from the wanted places, exact masks, and BM25 lists against BM25 itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from gnn_search.errors import RequestError
from gnn_search.graph.lexical.index import LexicalIndex
from gnn_search.sampling.batches import Examples
from gnn_search.sampling.negatives.base import UNIFORM, Positives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.negatives.lexical_lists import lexical_lists
from gnn_search.sampling.negatives.listed import ListedNegatives
from gnn_search.sampling.random_source import RandomSource

PRODUCTS = 12
# Query 0 has a whole list, query 1 a short one, query 2 none.
LISTS = np.array([[3, 1, 4, 5, 9, 2], [7, 8, -1, -1, -1, -1], [-1] * 6], dtype=np.int32)
EVENTS = np.array([(0, 0, 3), (0, 0, 4), (1, 0, 9), (1, 1, 8)], np.int32)


def known_of(rule: str) -> KnownPositives:
    return KnownPositives(rule, *EVENTS.T, 3, PRODUCTS)


def sampler(count: int = 4, skip: int = 0, rule: str = "user_query", seed: int = 0, lists: np.ndarray = LISTS) -> ListedNegatives:
    made = ListedNegatives("dynamic", "test", count, 6, skip, PRODUCTS, known_of(rule), RandomSource(seed))
    made.use_lists(lists)
    return made


def batch(user: list[int], query: list[int], product: list[int]) -> Positives:
    return Positives(np.arange(len(user)), *(np.array(one, np.int32) for one in (user, query, product)))


def test_draws_are_even_over_the_places_after_those_skipped():
    drawn = sampler(count=40, skip=2).draw(batch([0] * 200, [0] * 200, [3] * 200), 0)
    assert set(drawn.reason.ravel().tolist()) == {2, 3, 4, 5}
    np.testing.assert_array_equal(drawn.product, LISTS[0][drawn.reason])
    assert chisquare(np.bincount(drawn.reason.ravel())[2:]).pvalue > 1e-4


def test_a_short_list_is_drawn_from_to_its_end_and_an_empty_one_is_the_whole_catalogue():
    made = sampler(count=30)
    drawn = made.draw(batch([0, 0], [1, 2], [0, 0]), 0)
    assert set(drawn.product[0].tolist()) == {7, 8}
    assert len(set(drawn.product[1].tolist())) > 6
    assert set(drawn.reason[1].tolist()) == {UNIFORM}
    assert made.describe()["fallbacks"] == {"uniform": 30}
    assert set(sampler(count=30, skip=2).draw(batch([0], [1], [0]), 0).reason[0].tolist()) == {UNIFORM}


@pytest.mark.parametrize("rule", ["query", "user_query"])
def test_the_mask_is_exact(rule):
    made = sampler(count=50, rule=rule)
    positives = batch([0, 1, -1, 0, 1], [0, 0, 0, 1, 1], [3, 9, 5, 7, 8])
    drawn = made.draw(positives, 3)
    chosen = {tuple(event) for event in EVENTS.tolist()} if rule == "user_query" else {tuple(event[1:]) for event in EVENTS.tolist()}
    for row, (user, query, product) in enumerate(zip(positives.user, positives.query, positives.product, strict=True)):
        for place, other in enumerate(drawn.product[row].tolist()):
            key = (user, query, other) if rule == "user_query" else (query, other)
            assert drawn.valid[row, place] == (other != product and tuple(int(part) for part in key) not in chosen)
    assert made.describe()["masked"] == np.count_nonzero(~drawn.valid)


def test_draws_hang_on_seed_epoch_and_example_alone():
    positives = batch([0] * 9, [0] * 9, [3] * 9)
    whole = sampler().draw(positives, 1)
    part = Positives(positives.example[4:6], positives.user[4:6], positives.query[4:6], positives.product[4:6])
    np.testing.assert_array_equal(sampler().draw(part, 1).product, whole.product[4:6])
    assert (sampler().draw(positives, 2).product != whole.product).any()
    assert (sampler(seed=1).draw(positives, 1).product != whole.product).any()


def test_without_lists_there_is_nothing_to_draw():
    made = ListedNegatives("dynamic", "test", 1, 6, 0, PRODUCTS, known_of("query"), RandomSource(0))
    with pytest.raises(RequestError, match="the negatives dynamic have no lists yet; give them with use_lists before the first batch"):
        made.draw(batch([0], [0], [3]), 0)


@pytest.mark.parametrize("rule", ["query", "user_query"])
def test_bm25_lists_are_the_best_that_the_mask_leaves(tiny_graph, rule):
    examples = Examples.of(tiny_graph, "train")
    known = KnownPositives(rule, examples.user, examples.query, examples.product, 20, 40)
    query = np.unique(examples.query)[::2]
    lists = lexical_lists(tiny_graph, query, 5, known)
    assert lists.shape == (20, 5)
    index, texts = LexicalIndex(tiny_graph), tiny_graph.nodes("query")["query"]
    chosen = set(zip(examples.query.tolist(), examples.product.tolist(), strict=True))
    for number in range(20):
        best, _ = index.search(texts.gather([number]), 40).of(0)
        wanted = [product for product in best.tolist() if rule == "user_query" or (number, product) not in chosen][:5]
        assert [product for product in lists[number].tolist() if product >= 0] == (wanted if number in query else [])
