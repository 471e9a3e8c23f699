"""Every feature of the reranker is in one group."""

from __future__ import annotations

from gnn_search.config.training import RerankerSettings
from gnn_search.explanation.feature_groups import MOST_GROUPS, OTHERS, group_numbers
from gnn_search.rerank.features import feature_names

PARTNERS = [("product", "rev_bought_with", "product"), ("product", "rev_also_viewed", "product")]


def test_each_number_is_in_one_group():
    names = feature_names(RerankerSettings(), PARTNERS)
    groups = group_numbers(names)
    assert sorted(column for columns in groups.values() for column in columns) == list(range(len(names)))
    assert len(groups) == MOST_GROUPS
    assert [names[column] for column in groups["bought with"]] == ["bought_with: recent choices", "bought_with: last basket"]


def test_numbers_of_like_names_are_told_apart():
    names = ["own choices", "own choices among those reached", "own product", "own product: times"]
    names += ["shoppers", "shoppers alike, 16 factors"]
    groups = group_numbers(names)
    assert groups["the shopper and the query in general"] == [0, 1]
    assert groups["the shopper's choices of the product"] == [2, 3]
    assert groups["everybody's choices of the product"] == [4]
    assert groups["what shoppers alike choose"] == [5]


def test_an_unknown_number_makes_a_group():
    assert group_numbers(["words: BM25", "moon: full", "moon: new"]) == {"words": [0], "moon": [1, 2]}


def test_too_many_groups_become_one():
    names = [*feature_names(RerankerSettings(), PARTNERS), "a: 1", "b: 1", "own product: more"]
    groups = group_numbers(names)
    assert len(groups) <= MOST_GROUPS
    assert [names[column] for column in groups[OTHERS]][-2:] == ["a: 1", "b: 1"]
    assert len(names) - 1 in groups["the shopper's choices of the product"]
    assert sorted(column for columns in groups.values() for column in columns) == list(range(len(names)))
