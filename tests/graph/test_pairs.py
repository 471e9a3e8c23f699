from __future__ import annotations

from collections import Counter

import numpy as np

from gnn_search.arrays import find_keys
from gnn_search.graph.pairs import count_interactions, count_pairs


def test_choices_are_counted_over_actions_and_without_impressions(fruit_shop):
    pairs = count_interactions(fruit_shop.before(fruit_shop.manifest.test_start))
    counted = {(int(key) // 6, int(product)): int(count) for key, product, count in zip(pairs.key, pairs.product, pairs.count, strict=True)}
    assert counted == {(0, 0): 2, (0, 1): 1, (1, 1): 1, (1, 3): 1}
    assert pairs.indptr.tolist() == [0, 2, 4]
    asked = np.array([0, 1, 0, -1], dtype=np.int32), np.array([1, 3, 2, 5], dtype=np.int32)
    assert pairs.find(*asked).tolist() == [1, 3, -1, -1]


def test_pairs_agree_with_a_plain_count(random_shop):
    _, events, graph = random_shop(3)
    texts = graph.nodes("query")["query"].to_list()
    expected = Counter(
        (texts.index(query), int(product[1:])) for _, query, product, day, action, *_ in events if day < 20 and action != "impression"
    )
    pairs = count_pairs(graph.before(graph.manifest.test_start), [("product", "rev_leads_to", "query")])
    found = {(int(key) // 18, int(product)): int(count) for key, product, count in zip(pairs.key, pairs.product, pairs.count, strict=True)}
    assert found == expected
    assert (np.diff(pairs.key) > 0).all()


def test_being_shown_is_a_choice_only_where_nothing_else_is_logged(make_graph, fruit_shop):
    assert fruit_shop.positive_actions == ["click", "purchase"]
    events = [("ann", "apple", "p0", day, "impression", f"s{day}", "broad") for day in (1, 12, 22)]
    assert make_graph([("p0", "apple", None, None)], events).positive_actions == ["impression"]


def test_keys_are_found_in_any_shape():
    keys = np.array([2, 5, 9])
    assert find_keys(keys, np.array([[9, 1], [10, 2]])).tolist() == [[2, -1], [-1, 0]]
    assert find_keys(keys[:0], np.array([[9, 1]])).tolist() == [[-1, -1]]
