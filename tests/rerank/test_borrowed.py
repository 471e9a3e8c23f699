"""What a request borrows from known queries: candidates, categories and features, worked out by hand."""

from __future__ import annotations

from math import log, log1p

import numpy as np
import pytest

from gnn_search.config.training import RerankerSettings
from gnn_search.graph.known_queries.lenders import Lenders
from gnn_search.rerank.borrowed import BORROWED_FEATURES, borrowed_features
from gnn_search.rerank.candidates import CandidateIndex
from gnn_search.rerank.word_matches import WordMatches
from gnn_search.sampling.history import HistoryIndex, QueryCategories

PRODUCTS = [("p0", "a", None, ["x"]), ("p1", "b", None, ["x"]), ("p2", "c", None, ["y"]), ("p3", "d", None, ["y"])]
EVENTS = [
    ("ann", "one", "p0", 1, "purchase", "s1", "x"),
    ("bob", "one", "p0", 2, "purchase", "s2", "x"),
    ("bob", "one", "p1", 3, "purchase", "s3", "x"),
    ("ann", "two", "p2", 4, "purchase", "s4", "x"),
    ("ann", "late", "p3", 12, "purchase", "s5", "x"),
    ("ann", "late", "p3", 22, "purchase", "s6", "x"),
]


@pytest.fixture(scope="module")
def graph(make_graph):
    return make_graph(PRODUCTS, EVENTS)


def index_of(graph, **settings) -> CandidateIndex:
    view = graph.before(graph.manifest.validation_start)
    settings = RerankerSettings(half_life_days=(1000.0,), words=0, **settings)
    return CandidateIndex(view, settings, HistoryIndex(graph), QueryCategories(view, 64))


def lenders_of(graph, *texts: list[tuple[str, float]]) -> Lenders:
    number = {query: place for place, query in enumerate(graph.nodes("query")["query"])}
    rows = [(number[query], weight) for text in texts for query, weight in text]
    likeness = np.array([[0.1, 0.2, 0.3]] * len(rows), dtype=np.float32).reshape(-1, 3)
    indptr = np.cumsum([0, *map(len, texts)])
    return Lenders(indptr, np.array([row[0] for row in rows], np.int32), np.array([row[1] for row in rows], np.float32), likeness)


def products_of(index: CandidateIndex, lenders: Lenders, user: int = -1) -> list[list[int]]:
    nobody = np.full(len(lenders), -1, dtype=np.int32)
    near = np.empty((len(lenders), 0), np.int32)
    found = index.find_candidates(np.full_like(nobody, user), nobody, nobody, WordMatches.none(len(lenders)), near, lenders)
    return [found.product[found.row == row].tolist() for row in range(len(lenders))]


def test_products_come_from_the_lenders(graph):
    lenders = lenders_of(graph, [("one", 0.5), ("two", 0.4)], [], [("two", 0.1)], [("late", 0.9)])
    assert products_of(index_of(graph), lenders) == [[0, 1, 2], [], [2], []]
    # p0: 0.5 * 2/3, p1: 0.5 * 1/3, p2: 0.4 * 1.
    assert products_of(index_of(graph, products=1), lenders)[0] == [2]
    assert products_of(index_of(graph, products=2), lenders)[0] == [0, 1, 2][::2]


def test_the_lenders_categories_select_the_users_products(graph):
    """Ann bought p0 of x and p2 of y; with `products=1` the lender itself gives p0 alone."""
    ann = graph.nodes("user")["user_id"].index_of("ann")
    index = index_of(graph, products=1)
    assert products_of(index, lenders_of(graph, [("one", 0.5)]), ann) == [[0]]
    assert products_of(index, lenders_of(graph, [("one", 0.5), ("two", 0.5)]), ann) == [[0, 2]]


def test_features_by_hand(graph):
    index, lenders = index_of(graph), lenders_of(graph, [("one", 0.5), ("two", 0.4)], [])
    found = borrowed_features(index, lenders, np.array([0, 0, 0, 1]), np.array([0, 1, 3, 0]))
    assert not found[3].any()
    named = [dict(zip(BORROWED_FEATURES, row, strict=True)) for row in found.tolist()]

    def share(value: float) -> float:
        return log(value / 0.9 + 0.01) - log(0.01)

    expected = {
        "borrowed: share of the lenders' interactions": (share(0.5 * 2 / 3), share(0.5 / 3), 0),
        "borrowed: times": (log1p(0.5 * 2), log1p(0.5), 0),
        "borrowed: best lender of the product": (0.5, 0.5, 0),
        "borrowed: share of the category in the lenders' interactions": (share(0.5), share(0.5), share(0.4)),
        "borrowed: weight of all lenders": (0.7,) * 3,
        "borrowed: weight of the best lender": (0.5,) * 3,
        "borrowed: likeness by spelling of the best lender": (0.1,) * 3,
        "borrowed: likeness by stems of the best lender": (0.2,) * 3,
        "borrowed: likeness by meaning of the best lender": (0.3,) * 3,
    }
    for name, numbers in expected.items():
        assert [row[name] for row in named[:3]] == pytest.approx(numbers, abs=1e-5), name
    recent = [row["borrowed: recent share of the lenders' interactions"] for row in named[:3]]
    assert recent == pytest.approx((share(0.5 * 2 / 3), share(0.5 / 3), 0), abs=1e-2)


def test_categories_are_merged_by_weight(graph):
    categories = QueryCategories(graph.before(graph.manifest.validation_start), 64)
    number = {query: place for place, query in enumerate(graph.nodes("query")["query"])}
    lenders = lenders_of(graph, [("one", 0.6), ("two", 0.2)], [], [], [("one", 0.9), ("two", 0.02)])
    own = np.array([-1, number["two"], -1, number["two"]], dtype=np.int32)
    merged = categories.merge(own, lenders)
    place = graph.taxonomy.product_category
    x, y = int(place[0]), int(place[2])
    # The last row's second category has less than a twentieth of the first one's share.
    assert merged.indptr.tolist() == [0, 2, 3, 3, 4]
    assert merged.category.tolist() == [x, y, y, x]
    assert merged.share.tolist() == pytest.approx([0.75, 0.25, 1, 0.9 / 0.92])
