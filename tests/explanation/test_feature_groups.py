"""Every feature of the reranker is in one group."""

from __future__ import annotations

from gnn_search.config.training import RerankerSettings
from gnn_search.explanation.reranker_features import MOST_GROUPS, OTHER_FEATURES, group_features
from gnn_search.rerank.features import feature_names

PARTNERS = [("product", "rev_bought_with", "product"), ("product", "rev_also_viewed", "product")]


def test_each_number_is_in_one_group():
    names = feature_names(RerankerSettings(), PARTNERS)
    groups = group_features(names)
    assert sorted(column for columns in groups.values() for column in columns) == list(range(len(names)))
    assert len(groups) == MOST_GROUPS
    assert [names[column] for column in groups["bought with"]] == ["bought_with: recent products", "bought_with: last basket"]


def test_numbers_of_like_names_are_told_apart():
    names = ["own interactions", "own interactions among the candidates", "own product", "own product: times"]
    names += ["users", "similar users, 16 factors"]
    groups = group_features(names)
    assert groups["the user and the query in general"] == [0, 1]
    assert groups["the user's history with the product"] == [2, 3]
    assert groups["the product's popularity"] == [4]
    assert groups["similar users"] == [5]


def test_an_unknown_number_makes_a_group():
    assert group_features(["words: BM25", "moon: full", "moon: new"]) == {"words": [0], "moon": [1, 2]}


def test_too_many_groups_become_one():
    names = [*feature_names(RerankerSettings(), PARTNERS), "a: 1", "b: 1", "own product: more"]
    groups = group_features(names)
    assert len(groups) <= MOST_GROUPS
    assert [names[column] for column in groups[OTHER_FEATURES]][-2:] == ["a: 1", "b: 1"]
    assert len(names) - 1 in groups["the user's history with the product"]
    assert sorted(column for columns in groups.values() for column in columns) == list(range(len(names)))
