from __future__ import annotations

import numpy as np
import pytest

from gnn_search.errors import RequestError
from gnn_search.graph.cases import build_cases


def readable(graph, cases):
    """Return each case as (user, query, form, products, repeats)."""
    users, queries = graph.nodes("user")["user_id"].to_list(), graph.nodes("query")["query"].to_list()
    rows = []
    for i in range(len(cases)):
        part = slice(cases.indptr[i], cases.indptr[i + 1])
        user = users[cases.user[i]] if cases.user[i] >= 0 else None
        rows.append((user, queries[cases.query[i]], cases.labels["form"][i], cases.product[part].tolist(), cases.repeat[part].tolist()))
    return rows


def test_cases_by_hand(fruit_shop):
    cases = build_cases(fruit_shop)
    assert readable(fruit_shop, cases) == [
        # p2 was only shown to ann before; p4 was only shown in the period.
        ("ann", "apple", "broad", [0, 2], [True, False]),
        ("ann", "apple", "narrow", [1], [True]),
        ("bob", "pear", "narrow", [2], [False]),
        # Two sessions of users nobody knows are two cases, and nothing in them is a repeat.
        (None, "root", "narrow", [3, 4], [False, False]),
        (None, "root", "narrow", [3], [False]),
    ]
    assert cases.time == fruit_shop.manifest.test_start
    assert cases.case_of_row().tolist() == [0, 0, 1, 2, 3, 3, 4]
    assert (cases.user.dtype, cases.query.dtype, cases.product.dtype, cases.indptr.dtype) == (np.int32, np.int32, np.int32, np.int64)


def test_validation_cases_see_only_what_was_before_validation(fruit_shop):
    cases = build_cases(fruit_shop, "validation")
    assert readable(fruit_shop, cases) == [("ann", "apple", "broad", [1], [False])]
    assert cases.time == fruit_shop.manifest.validation_start


def test_cases_agree_with_a_plain_loop(random_shop):
    for seed in range(4):
        _, events, graph = random_shop(seed)
        chosen = [event for event in events if event[4] != "impression"]
        expected: dict[tuple, set[int]] = {}
        for user, query, product, day, _, _, form in chosen:
            if day >= 20:
                session = day if user is None else None
                expected.setdefault((user, query, form, session), set()).add(int(product[1:]))
        before = {(user, int(product[1:])) for user, _, product, day, *_ in chosen if day < 20 and user is not None}
        found = readable(graph, build_cases(graph))
        wanted = [(u, q, f, sorted(p), [(u, x) in before for x in sorted(p)]) for (u, q, f, _), p in expected.items()]
        assert sorted(found, key=str) == sorted(wanted, key=str)


def test_a_sample_keeps_the_order_and_follows_the_seed(random_shop):
    _, _, graph = random_shop(1)
    whole = readable(graph, build_cases(graph))
    sample = readable(graph, build_cases(graph, limit=7, seed=3))
    assert sample == readable(graph, build_cases(graph, limit=7, seed=3))
    assert sample != readable(graph, build_cases(graph, limit=7, seed=4))
    places = [whole.index(case) for case in sample]
    assert places == sorted(set(places))
    assert len(sample) == 7
    assert readable(graph, build_cases(graph, limit=10_000)) == whole


def test_a_sample_is_uniform(make_graph):
    events = [("ann", "apple", "p0", day, "purchase", f"s{day}", "broad") for day in (1, 12)]
    events += [("ann", f"apple {i}", "p0", 21, "purchase", f"t{i}", "broad") for i in range(40)]
    graph = make_graph([("p0", "apple", None, None)], events)
    first = build_cases(graph).query.min()
    chosen = np.zeros(40)
    for seed in range(60):
        chosen[build_cases(graph, limit=10, seed=seed).query - first] += 1
    # Binomial(60, 1/4): mean 15, standard deviation 3.4.
    assert chosen.sum() == 600
    assert abs(chosen - 15).max() < 4 * 3.4
    assert chosen.std() > 1.7


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(fruit_shop, limit):
    with pytest.raises(RequestError, match=f"expected at least one case to evaluate, got a limit of {limit}"):
        build_cases(fruit_shop, limit=limit)


def test_the_training_period_is_refused(fruit_shop):
    with pytest.raises(RequestError, match="expected a period of validation or test to evaluate, got 'train'"):
        build_cases(fruit_shop, "train")  # type: ignore[arg-type]


def test_a_period_without_a_choice_is_refused(make_graph):
    products = [("p0", "apple", None, None)]
    events = [
        ("ann", "apple", "p0", 1, "purchase", "s1", "broad"),
        ("ann", "apple", "p0", 12, "purchase", "s2", "broad"),
        ("ann", "apple", "p0", 22, "impression", "s3", "broad"),
    ]
    with pytest.raises(RequestError, match="the test period of graph 'small' holds no event"):
        build_cases(make_graph(products, events))
