from __future__ import annotations

import numpy as np
import pytest
from rankers import Fixed

from gnn_search.errors import RequestError
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.result import Evaluation
from gnn_search.evaluation.significance import mean_interval
from gnn_search.evaluation.slices import Slice
from gnn_search.graph.cases import build_cases
from gnn_search.retrieval.ranking import Ranking


class Wrong(Fixed):
    """Returns whatever it was made with."""

    def rank(self, user, query, k):
        return Ranking(np.tile(self.products, (len(user), 1)), np.zeros((len(user), len(self.products)), dtype=np.float32))


def test_an_evaluation_by_hand(fruit_shop):
    # Relevant: {0, 2}, {1}, {2}, {3, 4}, {3}.
    cases = build_cases(fruit_shop)
    found = evaluate(cases, [Fixed([2, 3, 0]), Fixed([5, 1], "other")], fruit_shop, k=(1, 3), n_resamples=50, reference="fixed")
    assert found.score("fixed", "all", "recall", 1).mean == pytest.approx((0.5 + 0 + 1 + 0 + 0) / 5)
    assert found.score("fixed", "all", "recall", 3).mean == pytest.approx((1 + 0 + 1 + 0.5 + 1) / 5)
    assert found.score("fixed", "all", "mrr", 3).mean == pytest.approx((1 + 0 + 1 + 0.5 + 0.5) / 5)
    # In a slice only its rows are relevant, and p2, which is no repeat, still takes up the first place.
    assert found.score("fixed", "repeat", "recall", 3).mean == pytest.approx((1 + 0) / 2)
    assert found.score("fixed", "repeat", "mrr", 3).mean == pytest.approx((1 / 3 + 0) / 2)
    assert found.score("fixed", "first-time", "recall", 1).mean == pytest.approx((1 + 1) / 2)
    assert found.score("fixed", "anonymous", "recall", 3).mean == pytest.approx((0.5 + 1) / 2)
    slices = ("all", "broad", "narrow", "repeat", "first-time", "new product", "new query", "anonymous")
    assert [found.score("fixed", name, "mrr", 1).cases for name in slices] == [5, 1, 4, 2, 2, 2, 1, 2]
    assert found.difference("other", "all", "recall", 3).mean == pytest.approx((3.5 - 1) / 5)
    assert (found.cases, found.users, found.candidates, found.reference) == (5, 4, 6, "fixed")
    assert {difference.method for difference in found.differences} == {"other"}


def test_intervals_are_those_of_the_cluster_bootstrap(random_shop):
    _, _, graph = random_shop(0)
    cases = build_cases(graph)
    rankers = build_baselines(graph, cases.time)[:2]
    found = evaluate(cases, rankers, graph, k=(3,), n_resamples=200, seed=5, reference="query_popularity")
    recall = []
    for ranker in rankers:
        lists = ranker.rank(cases.user, cases.query, 3).product.tolist()
        relevant = np.split(cases.product, cases.indptr[1:-1])
        recall.append([len(set(row) & set(products.tolist())) / len(products) for row, products in zip(lists, relevant, strict=True)])
    values = np.array([recall[0], recall[1], np.subtract(recall[1], recall[0])]).T
    mean, low, high = mean_interval(values, cases.user, n_resamples=200, seed=5)
    scores = [
        found.score("popularity", "all", "recall", 3),
        found.score("query_popularity", "all", "recall", 3),
        found.difference("popularity", "all", "recall", 3),
    ]
    for score, *expected in zip(scores, mean, low, high, strict=True):
        assert (score.mean, score.low, score.high) == pytest.approx(tuple(expected), abs=1e-6)
        assert score.low <= score.mean <= score.high


def test_the_same_seed_gives_the_same_numbers_whatever_the_blocks(random_shop):
    _, _, graph = random_shop(1)
    cases = build_cases(graph)
    rankers = build_baselines(graph, cases.time)
    first = evaluate(cases, rankers, graph, n_resamples=60, reference="bm25")
    seen = []
    again = evaluate(cases, rankers, graph, n_resamples=60, reference="bm25", progress=lambda *step: seen.append(step), block_cases=3)
    assert first.model_dump(exclude={"costs"}) == again.model_dump(exclude={"costs"})
    assert seen[0] == ("popularity", 3, len(cases))
    assert seen[-1] == ("query_popularity_then_bm25", len(cases), len(cases))


def test_cases_of_one_query_come_together(random_shop):
    class Recording(Fixed):
        def rank(self, user, query, k):
            queries.extend(query.tolist())
            return super().rank(user, query, k)

    _, _, graph = random_shop(1)
    queries: list[int] = []
    evaluate(build_cases(graph), [Recording([0])], graph, n_resamples=20, block_cases=3)
    assert queries == sorted(build_cases(graph).query.tolist())


def test_an_evaluation_survives_json(fruit_shop):
    found = evaluate(build_cases(fruit_shop), [Fixed([0]), Fixed([3], "other")], fruit_shop, reference="fixed")
    assert Evaluation.model_validate_json(found.model_dump_json()) == found


def test_own_slices(fruit_shop):
    cases = build_cases(fruit_shop)
    part = Slice("p3", cases.product == 3)
    found = evaluate(cases, [Fixed([3])], fruit_shop, slices=[part])
    assert found.slices == ("p3",)
    assert found.score("fixed", "p3", "recall", 10).mean == 1


def test_a_resample_may_miss_a_small_slice(random_shop):
    _, _, graph = random_shop(2)
    cases = build_cases(graph)
    rows = np.zeros(len(cases.product), dtype=np.bool_)
    rows[0] = True
    score = evaluate(cases, [Fixed([cases.product[0]])], graph, slices=[Slice("one", rows)]).score("fixed", "one", "recall", 10)
    assert (score.mean, score.low, score.high, score.cases) == (1, 1, 1, 1)


def test_an_unknown_score_is_no_score(fruit_shop):
    found = evaluate(build_cases(fruit_shop), [Fixed([0])], fruit_shop)
    with pytest.raises(KeyError, match="fixed, all, recall@11"):
        found.score("fixed", "all", "recall", 11)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rankers": []}, "expected at least one case and one ranker to evaluate, got 5 and 0"),
        ({"rankers": [Fixed([0]), Fixed([1])]}, "expected rankers with distinct names, got 'fixed' 2 times"),
        ({"reference": "model"}, "no ranker is called 'model' to compare with; there are fixed"),
        ({"k": (0,)}, "expected cut-offs and bootstrap resamples of at least 1, got k = \\(0,\\)"),
        ({"k": ()}, "expected cut-offs and bootstrap resamples of at least 1"),
        ({"n_resamples": 0}, "and 0 resamples"),
        ({"rankers": [Wrong([0, 1])]}, "ranker 'fixed': expected lists of shape \\(5, 6\\), got \\(5, 2\\)"),
        ({"rankers": [Wrong([0, 1, 2, 3, 4, 6])]}, "expected product numbers from 0 to 5 or -1, got 6"),
        ({"rankers": [Wrong([0, 1, 2, 3, -2, -1])]}, "expected product numbers from 0 to 5 or -1, got -2"),
        ({"rankers": [Wrong([0, 1, 2, 0, -1, -1])]}, "expected distinct products in a list, got product 0 twice in list 0"),
    ],
)
def test_wrong_requests_and_rankers_are_refused(fruit_shop, arguments, message):
    with pytest.raises(RequestError, match=message):
        evaluate(build_cases(fruit_shop), **{"rankers": [Fixed([0])], "graph": fruit_shop, **arguments})
