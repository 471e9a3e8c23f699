"""The recency lists, by hand and against plain loops."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_search.config.baselines import RecentHistorySettings
from gnn_search.evaluation.baselines.recent_history import RecentHistory
from gnn_search.evaluation.baselines.recent_query_popularity import RecentQueryPopularity

SETTINGS = RecentHistorySettings(
    own_half_life_days=4, own_floor=0.25, popularity_half_life_days=2, popularity_floor=0.5, popularity_weight=1.5
)
DAY = 20


def rankers_of(graph, chosen=SETTINGS):
    view = graph.before(graph.manifest.test_start)
    popularity = RecentQueryPopularity(view, chosen)
    return popularity, RecentHistory(view, popularity, chosen)


class Slow:
    """The two scores by loops over the rows of a shop."""

    def __init__(self, products, events, chosen):
        self.chosen = chosen
        self.category = {number: row[3] for number, row in enumerate(products)}
        self.weight = defaultdict(Counter)
        self.times, self.last = defaultdict(Counter), defaultdict(dict)
        for user, query, product, when, action, _, _ in sorted(events, key=lambda event: event[3]):
            if when < DAY and action != "impression":
                number = int(product[1:])
                recency = 2 ** (-(DAY - when) / chosen.popularity_half_life_days)
                self.weight[query][number] += recency + chosen.popularity_floor
                if user is not None:
                    self.times[user][number] += 1
                    self.last[user][number] = when

    def popularity(self, query):
        total = sum(self.weight[query].values())
        return {product: weight / total for product, weight in self.weight[query].items()}

    def history(self, user, query):
        popularity = self.popularity(query)
        paths = [self.category[product] for product in popularity]
        scores = {product: self.chosen.popularity_weight * share for product, share in popularity.items()}
        for product, times in self.times[user].items() if user is not None else ():
            if product in popularity or (self.category[product] is not None and self.category[product] in paths):
                recency = 2 ** (-(DAY - self.last[user][product]) / self.chosen.own_half_life_days)
                scores[product] = scores.get(product, 0.0) + log(1 + times) * (recency + self.chosen.own_floor)
        return scores


def assert_ordered_by(found, scores, places):
    """Equal scores may stand in any order, since they may differ in their last bit."""
    listed = [product for product in found if product in scores]
    assert set(found[: len(listed)]) == set(listed), "what fills the list comes last"
    assert len(listed) == min(len(scores), places)
    best = sorted(scores.values(), reverse=True)[: len(listed)]
    assert [scores[product] for product in listed] == pytest.approx(best)


def requests_of(graph):
    users, queries = graph.nodes("user")["user_id"].to_list(), graph.nodes("query")["query"].to_list()
    for user in range(-1, len(users)):
        for query in range(len(queries)):
            yield user, query, users[user] if user >= 0 else None, queries[query]


@settings(max_examples=12)
@given(
    seed=st.integers(0, 3),
    half_life=st.floats(0.5, 50),
    floor=st.floats(0.01, 2),
    weight=st.floats(0.01, 20),
    places=st.integers(1, 18),
)
def test_both_lists_agree_with_plain_loops(random_shop, seed, half_life, floor, weight, places):
    products, events, graph = random_shop(seed)
    chosen = RecentHistorySettings(
        own_half_life_days=half_life,
        own_floor=floor,
        popularity_half_life_days=2 * half_life,
        popularity_floor=floor,
        popularity_weight=weight,
    )
    slow, (popularity, history) = Slow(products, events, chosen), rankers_of(graph, chosen)
    asked = list(requests_of(graph))
    user, query = (np.array([row[column] for row in asked], dtype=np.int32) for column in (0, 1))
    popular, own = (ranker.rank(user, query, places).product.tolist() for ranker in (popularity, history))
    for row, (_, _, name, text) in enumerate(asked):
        assert_ordered_by(popular[row], slow.popularity(text), places)
        assert_ordered_by(own[row], slow.history(name, text), places)


def test_lists_by_hand(make_graph):
    products = [(f"p{i}", f"t{i}", None, ["a"] if i < 4 else ["b"]) for i in range(6)]
    events = [
        *[("bob", "x", "p0", day, "purchase", f"a{day}", "f") for day in (1, 2, 3)],
        *[("bob", "x", "p1", day, "purchase", f"b{day}", "f") for day in (18, 19)],
        ("ann", "x", "p2", 16, "purchase", "c", "f"),
        ("ann", "y", "p3", 1, "purchase", "d", "f"),
        ("ann", "z", "p4", 19, "purchase", "e", "f"),
        ("cem", "x", "p5", 25, "purchase", "g", "f"),
    ]
    graph = make_graph(products, [*events, ("cem", "x", "p0", 12, "purchase", "v", "f")])
    popularity, history = rankers_of(graph)
    # Choices for x: p0 at days 1, 2, 3 and 12, p1 at 18 and 19, p2 at 16.
    #   p0: 4 * 0.5 + about 2 ** -4 = 2.066; p1: 1 + 2 ** -1 + 2 ** -0.5 = 2.207; p2: 0.5 + 2 ** -2 = 0.75; together 5.02.
    # Ann's own: p2 ln 2 * (0.5 + 0.25) = 0.52 and 1.5 * 0.75 / 5.02 = 0.22; p3, of the same category, ln 2 * (2 ** -4.75 + 0.25) = 0.20;
    # p4 fits neither x nor its category. Others: p1 1.5 * 0.44 = 0.66, p0 1.5 * 0.41 = 0.62.
    names = graph.nodes("user")["user_id"].to_list()
    user = np.array([names.index("ann"), names.index("bob"), -1], dtype=np.int32)
    ann, bob, nobody = history.rank(user, np.zeros(3, dtype=np.int32), 6).product.tolist()
    assert ann == [2, 1, 0, 3, 4, -1]
    # Bob's p1: ln 3 * (2 ** -0.25 + 0.25), more than p0's ln 4 * (2 ** -4.25 + 0.25).
    assert bob == [1, 0, 2, 3, 4, -1]
    assert nobody == popularity.rank(np.array([-1], dtype=np.int32), np.zeros(1, dtype=np.int32), 6).product[0].tolist() == bob


def test_without_a_recent_choice_all_of_the_past_decides(make_graph):
    products = [(f"p{i}", f"t{i}", None, ["a"]) for i in range(3)]
    old = [(None, "x", f"p{p}", -4000, "purchase", f"s{p}{i}", "f") for p, times in ((0, 1), (1, 3), (2, 2)) for i in range(times)]
    further = [(None, "y", "p0", 12, "purchase", "v", "f"), (None, "x", "p0", 25, "purchase", "t", "f")]
    popularity, history = rankers_of(make_graph(products, [*old, *further]))
    for ranker in (popularity, history):
        assert ranker.rank(np.array([-1], dtype=np.int32), np.array([0], dtype=np.int32), 3).product.tolist() == [[1, 2, 0]]
