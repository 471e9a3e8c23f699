"""Each baseline against a plain slow version of itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from math import log

import numpy as np
import pytest
import Stemmer

from gnn_search.config.baselines import RecentHistorySettings, load_baseline_settings
from gnn_search.evaluation.baselines.bm25 import Bm25
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.baselines.own_history import OwnHistory
from gnn_search.evaluation.baselines.query_popularity import QueryPopularity
from gnn_search.evaluation.baselines.recent_history import RecentHistory
from gnn_search.evaluation.baselines.recent_query_popularity import RecentQueryPopularity

K = 7


def words_of(text):
    return re.findall(r"[a-z]+", text.lower().replace("ï", "i"))


class Slow:
    """What was known on a day, counted by loops, and the lists that follow."""

    def __init__(self, products, events, day):
        self.products = products
        self.overall = Counter()
        self.within = defaultdict(Counter)
        self.own = defaultdict(Counter)
        for user, query, product, when, action, _, _ in events:
            if when < day and action != "impression":
                number = int(product[1:])
                self.overall[number] += 1
                self.within[query][number] += 1
                if user is not None:
                    self.own[user][number] += 1

    def popularity(self, user, query):
        return sorted(self.overall, key=lambda p: (-self.overall[p], p))

    def only_query(self, query):
        within = self.within[query]
        return sorted(within, key=lambda p: (-within[p], -self.overall[p], p))

    def query_popularity(self, user, query):
        return list(dict.fromkeys([*self.only_query(query), *self.popularity(user, query)]))

    def own_history(self, user, query):
        ordered = self.only_query(query)
        own = self.own[user] if user is not None else Counter()
        mine = sorted((p for p in own if p in ordered), key=lambda p: (-own[p], ordered.index(p)))
        return list(dict.fromkeys([*mine, *self.query_popularity(user, query)]))

    def bm25_scores(self, query):
        stem = Stemmer.Stemmer("english").stemWord
        fields = [(1, [words_of(title) for _, title, _, _ in self.products])]
        fields.append((0.5, [words_of(brand or "") for _, _, brand, _ in self.products]))
        fields.append((1, [words_of(" > ".join(path or [])) for _, _, _, path in self.products]))
        scores = dict.fromkeys(range(len(self.products)), 0.0)
        for counts, form in ((1, stem), (0.2, str)):
            for word in {form(word) for word in words_of(query)}:
                held = [0.0] * len(self.products)
                for weight, texts in fields:
                    average = sum(map(len, texts)) / sum(len(text) > 0 for text in texts)
                    for number, text in enumerate(texts):
                        held[number] += weight * [form(other) for other in text].count(word) / (0.6 + 0.4 * len(text) / average)
                frequency = sum(value > 0 for value in held)
                rarity = log(1 + (len(held) - frequency + 0.5) / (frequency + 0.5))
                for number, value in enumerate(held):
                    scores[number] += counts * rarity * value / (value + 0.9)
        return scores

    def bm25(self, user, query):
        # Rounded, since equal scores may differ in their last bit.
        scores = {p: round(score, 4) for p, score in self.bm25_scores(query).items() if score > 0}
        return sorted(scores, key=lambda p: (-scores[p], p))

    def query_popularity_then_bm25(self, user, query):
        return list(dict.fromkeys([*self.only_query(query), *self.bm25(user, query)]))


def requests_of(graph):
    """Return every pair of a user, known or not, and a query, as names and as numbers."""
    users, queries = graph.nodes("user")["user_id"].to_list(), graph.nodes("query")["query"].to_list()
    pairs = [(u, q) for u in range(-1, len(users)) for q in range(len(queries))]
    names = [(users[u] if u >= 0 else None, queries[q]) for u, q in pairs]
    user, query = np.array(pairs, dtype=np.int32).T
    return names, np.ascontiguousarray(user), np.ascontiguousarray(query)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("day", [10, 20])
def test_baselines_agree_with_plain_loops(random_shop, seed, day):
    products, events, graph = random_shop(seed)
    slow = Slow(products, events, day)
    names, user, query = requests_of(graph)
    start = graph.manifest.test_start if day == 20 else graph.manifest.validation_start
    rankers = build_baselines(graph, start, ["popularity", "query_popularity", "own_history", "bm25", "query_popularity_then_bm25"])
    for ranker in rankers:
        expected = [getattr(slow, ranker.name)(*name)[:K] for name in names]
        ranking = ranker.rank(user, query, K)
        assert ranking.product.dtype == np.int32
        assert ranking.product.tolist() == [products + [-1] * (K - len(products)) for products in expected], ranker.name


@pytest.mark.parametrize("seed", range(4))
def test_lists_of_baselines_keep_the_contract(random_shop, seed):
    _, _, graph = random_shop(seed)
    _, user, query = requests_of(graph)
    for ranker in build_baselines(graph, graph.manifest.test_start):
        # Longer than the catalogue, so every list ends in padding.
        whole = ranker.rank(user, query, 25)
        empty = whole.product == -1
        assert empty[:, -1].all()
        assert (np.diff(empty.astype(int), axis=1) >= 0).all(), "padding at the end only"
        assert (np.isneginf(whole.score) == empty).all()
        assert (whole.score[:, 1:] <= whole.score[:, :-1]).all()
        assert whole.score.dtype == np.float32
        for products in whole.product.tolist():
            filled = [product for product in products if product >= 0]
            assert len(set(filled)) == len(filled)
        short = ranker.rank(user, query, 4)
        assert (short.product == whole.product[:, :4]).all(), "a shorter list is the start of the longer one"
        alone = ranker.rank(user[3:4], query[3:4], 25)
        assert (alone.product == whole.product[3:4]).all(), "a list does not depend on the other requests"
        assert ranker.rank(user[:0], query[:0], 4).product.shape == (0, 4)


def test_nothing_from_the_period_itself_is_counted(fruit_shop):
    [query] = build_baselines(fruit_shop, fruit_shop.manifest.test_start, ["query_popularity"])
    texts = fruit_shop.nodes("query")["query"].to_list()
    asked = np.array([texts.index("pear"), texts.index("apple")], dtype=np.int32)
    # "pear" is asked in the test period alone; p0 and p1 were chosen twice each, p3 and p4 once; p2 was only shown.
    lists = query.rank(np.array([0, 0], dtype=np.int32), asked, 5).product
    assert lists.tolist() == [[0, 1, 3, 4, -1], [0, 1, 3, 4, -1]]
    assert query.within(asked, 3).tolist() == [[-1, -1, -1], [0, 1, -1]]


def test_a_query_that_is_no_node_gets_what_needs_no_query(fruit_shop):
    requests = np.array([0], dtype=np.int32), np.array([-1], dtype=np.int32)
    lists = {
        ranker.name: ranker.rank(*requests, 3).product.tolist() for ranker in build_baselines(fruit_shop, fruit_shop.manifest.test_start)
    }
    assert lists["query_popularity"] == lists["own_history"] == lists["popularity"] == [[0, 1, 3]]
    assert lists["recent_history"] == lists["recent_query_popularity"] == lists["popularity"]
    assert lists["bm25"] == lists["query_popularity_then_bm25"] == [[-1, -1, -1]]


def test_histories_are_expanded_in_blocks(random_shop):
    _, _, graph = random_shop(0)
    _, user, query = requests_of(graph)
    view = graph.before(graph.manifest.test_start)
    settings = load_baseline_settings("recent_history", RecentHistorySettings)
    popular, recent = QueryPopularity(view), RecentQueryPopularity(view, settings)
    for whole, in_blocks in (
        (OwnHistory(view, popular), OwnHistory(view, popular, block_rows=10)),
        (RecentHistory(view, recent, settings), RecentHistory(view, recent, settings, block_rows=10)),
    ):
        assert (in_blocks.rank(user, query, K).product == whole.rank(user, query, K).product).all()


def test_bm25_scores_are_those_of_the_formula(random_shop):
    products, events, graph = random_shop(1)
    slow = Slow(products, events, 20)
    texts = graph.nodes("query")["query"].to_list()
    query = np.arange(len(texts), dtype=np.int32)
    ranking = Bm25(graph).rank(np.zeros_like(query), query, 18)
    assert (ranking.product >= 0).sum() > 20
    for text, found, scores in zip(texts, ranking.product.tolist(), ranking.score.tolist(), strict=True):
        expected = slow.bm25_scores(text)
        assert sum(product >= 0 for product in found) == sum(score > 0 for score in expected.values())
        for product, score in zip(found, scores, strict=True):
            if product >= 0:
                assert score == pytest.approx(expected[product], rel=1e-5)


def test_bm25_of_a_catalogue_without_a_word(make_graph):
    products = [("p0", "!?", None, None), ("p1", "+", None, None)]
    events = [("ann", "apple", "p0", day, "purchase", f"s{day}", "broad") for day in (1, 12, 22)]
    graph = make_graph(products, events)
    ranking = Bm25(graph).rank(np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int32), 2)
    assert ranking.product.tolist() == [[-1, -1]]
