"""The reranker's features in words."""

from __future__ import annotations

from math import log, log1p

import pytest

from gnn_search.config.training import RerankerSettings
from gnn_search.explanation.reranker_features import describe_features
from gnn_search.rerank.features import feature_names


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"own product": 1.0, "own product: times": log1p(3), "own product: days since": log1p(12)}, "3 times, last 12 days ago"),
        ({"own product": 1.0, "own product: times": log1p(1), "own product: days since": log1p(0.5)}, "once, last 0.5 days ago"),
        ({"own product": 0.0, "own product: times": 0.0, "own share among the candidates": 0.0}, "never bought by the user"),
        ({"own brand": 0.0, "own brand: times": 0.0, "own share of the brand": 0.0}, "the user bought nothing of it"),
        ({"interaction for the query": 1.0, "share of the query's interactions": log(0.46)}, "46 % of its interactions"),
        ({"days since interaction for the query": log1p(400)}, "last 400 or more days ago"),
        ({"interaction for the query": 0.0, "times for the query": 0.0}, "never bought for the query"),
        ({"interaction for the query": 0.0, "share of the query's interactions, half-life 7 days": -9.0}, "never bought for the query"),
        ({"words: share of the best match": 0.0, "words: BM25": 0.0}, "not among the best matches"),
        ({"words: share of the best match": 0.036, "words: BM25": log1p(4)}, "3.6 % of the best match, BM25 4"),
        ({"users": log1p(1234), "days since its first interaction": log1p(90)}, "1,234 users, first 90 days ago"),
        ({"bought_with: recent products": log1p(797), "bought_with: last basket": 0.0}, "weight 797 from recent products"),
        ({"similar users, 16 factors": 0.25, "similar users, 16 factors: direction": 0.9}, "+0.25 with 16 factors"),
        ({"of tomorrow": 3.0}, ""),
    ],
)
def test_words(numbers, expected):
    assert describe_features(numbers, "bought") == expected


def test_a_shop_with_clicks_chooses():
    assert describe_features({"own product": 0.0}, "interacted with") == "never interacted with by the user"


def test_the_words_are_of_features_that_the_reranker_has():
    names = set(feature_names(RerankerSettings(), [("product", "rev_bought_with", "product")]))
    described = {name for name in names if describe_features({name: 0.5}, "bought")}
    assert {
        "own product: times",
        "times for the query",
        "users",
        "words: BM25",
        "bought_with: recent products",
        "own interactions",
    } <= described
    assert {flag for flag in names if describe_features({flag: 0.0}, "bought").startswith(("never", "the user", "the query is new"))} == {
        "own product",
        "own category",
        "own brand",
        "interaction for the query",
        "known query",
    }
