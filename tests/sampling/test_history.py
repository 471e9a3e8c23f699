"""A user's past that a query calls up, against plain loops over the events."""

from __future__ import annotations

from collections import Counter
from math import log, log1p

import numpy as np
import polars as pl
import pytest
from shops import DAY, build, write_tiny_shop

from gnn_search.config.training import UserSettings
from gnn_search.sampling.history import History, HistoryIndex, QueryCategories


@pytest.fixture(scope="module", params=[0, 1])
def graph(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    return build(write_tiny_shop(folder / "shop", seed=request.param, products=20, users=6, queries=9, events=250), folder / "graph")


@pytest.fixture(scope="module")
def events(graph):
    """(user, query, product, time) of every event, in time order."""
    table = pl.concat([graph.examples(split) for split in ("train", "validation", "test")])
    return table.select(pl.col("user").fill_null(-1), "query", "product", "time").rows()


def plain_categories(graph, events, query: int, moment: int, most: int) -> list[tuple[int, int]]:
    """The commonest categories of a query before a moment, ties by number."""
    counts = Counter(graph.taxonomy.product_category[product] for _, asked, product, time in events if asked == query and time < moment)
    return sorted(((category, count) for category, count in counts.items() if category >= 0), key=lambda pair: (-pair[1], pair[0]))[:most]


def plain_history(choices: list[tuple[int, int]], moment: int, most: int) -> list[tuple[int, int, int, list[float]]]:
    """(product, count, last, features) of (product, time) choices before a moment, latest last, ties by product."""
    counts = Counter(product for product, _ in choices)
    last = {product: max(time for other, time in choices if other == product) for product in counts}
    kept = sorted(counts, key=lambda product: (last[product], product))[-most:]
    total = sum(counts[product] for product in kept)
    return [
        (product, counts[product], last[product], [log(counts[product]), log1p((moment - last[product]) / DAY), counts[product] / total])
        for product in kept
    ]


def rows_of(history: History) -> list[list[tuple[int, int, int, list[float]]]]:
    items = list(zip(history.product.tolist(), history.count.tolist(), history.last.tolist(), history.features.tolist(), strict=True))
    return [items[start:end] for start, end in zip(history.indptr[:-1], history.indptr[1:], strict=True)]


def in_categories(index: HistoryIndex, user, query, before, categories: QueryCategories, most: int) -> History:
    """The histories alone, of requests each by a user of its own."""
    settings = UserSettings(attention_length=most)
    return index.read(user, before, np.arange(len(user)), query, categories, settings)[2]


def assert_same(found, expected):
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    np.testing.assert_allclose([row[3] for row in found], [row[3] for row in expected], rtol=1e-5, atol=1e-6)


def requests(graph, events, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.Generator(np.random.Philox(1))
    user = random.integers(-1, graph.num_nodes["user"], count).astype(np.int32)
    query = random.integers(-1, graph.num_nodes["query"], count).astype(np.int32)
    # Half of the moments are those of events, where "before" and "at" differ.
    moments = np.array([event[3] for event in events])
    before = np.where(random.random(count) < 0.5, random.choice(moments, count), random.integers(moments[0], moments[-1] + DAY, count))
    return user, query, before.astype(np.int64)


@pytest.mark.parametrize("most", [1, 2, 50])
def test_categories_of_queries(graph, events, most):
    moment = graph.manifest.validation_start
    found = QueryCategories(graph.before(moment), most)
    for query in range(graph.num_nodes["query"]):
        inside = slice(*found.indptr[query : query + 2])
        pairs = list(zip(found.category[inside].tolist(), found.count[inside].tolist(), strict=True))
        assert pairs == plain_categories(graph, events, query, moment, most)


@pytest.mark.parametrize(("most", "most_categories"), [(1, 64), (3, 2), (100, 64)])
def test_history_in_the_querys_categories(graph, events, most, most_categories):
    moment = graph.manifest.validation_start
    categories = QueryCategories(graph.before(moment), most_categories)
    user, query, before = requests(graph, events)
    found = rows_of(in_categories(HistoryIndex(graph), user, query, before, categories, most))
    assert sum(map(len, found)) > 50
    for place in range(len(user)):
        wanted = {category for category, _ in plain_categories(graph, events, query[place], moment, most_categories)}
        choices = [
            (product, time)
            for who, _, product, time in events
            if who == user[place] >= 0 and time < before[place] and graph.taxonomy.product_category[product] in wanted
        ]
        assert_same(found[place], plain_history(choices, before[place], most))


@pytest.mark.parametrize("most", [1, 5, 1000])
def test_latest_choices(graph, events, most):
    user, _, before = requests(graph, events)
    found = rows_of(HistoryIndex(graph).latest(user, before, most))
    for place in range(len(user)):
        choices = [(product, time) for who, _, product, time in events if who == user[place] >= 0 and time < before[place]]
        latest = choices[-most:]
        times = [time for _, time in choices]
        if len(choices) > most and times[-most - 1] == times[-most]:
            continue  # which of several choices of one moment count is not prescribed
        assert_same(found[place], plain_history(latest, before[place], most))


@pytest.mark.parametrize("action", ["click", "purchase"])
def test_latest_choices_of_one_kind(graph, events, action):
    user, _, before = requests(graph, events, 50)
    table = pl.concat([graph.examples(split) for split in ("train", "validation", "test")]).filter(pl.col("action") == action)
    found = rows_of(HistoryIndex(graph).latest(user, before, 1000, action))
    assert sum(map(len, found)) > 50
    for place in range(len(user)):
        chosen = table.filter((pl.col("user") == user[place]) & (pl.col("time") < before[place]))
        assert_same(found[place], plain_history(chosen.select("product", "time").rows(), before[place], 1000))


@pytest.mark.parametrize(("by_action", "kinds"), [(True, ["click", "purchase"]), (False, [None])])
def test_one_pass_reads_the_latest_of_each_kind_and_leaves_out_what_is_off(graph, events, by_action, kinds):
    user, query, before = requests(graph, events)
    index, categories = HistoryIndex(graph), QueryCategories(graph.before(0), 1)
    settings = UserSettings(sequence_length=3, by_action=by_action, brands=False)
    recent, profile, _ = index.read(user, before, np.arange(len(user)), query, categories, settings)
    assert [rows_of(history) for history in recent] == [rows_of(index.latest(user, before, 3, kind)) for kind in kinds]
    assert profile.indptr.tolist() == [0] * (len(user) + 1)
    assert index.read(user, before, np.arange(len(user)), query, categories, UserSettings(sequence_length=0))[0] == ()


@pytest.mark.parametrize("most", [1, 4, 1000])
def test_a_profile_is_whole_or_even(graph, events, most):
    user, _, before = requests(graph, events)
    row, query = np.empty(0, np.int64), np.empty(0, np.int32)
    categories, settings = QueryCategories(graph.before(0), 1), UserSettings(brands=True, profile_length=most)
    found = HistoryIndex(graph).read(user, before, row, query, categories, settings)[1]
    for place in range(len(user)):
        chosen = [(product, time) for who, _, product, time in events if who == user[place] >= 0 and time < before[place]]
        inside = found.product[slice(*found.indptr[place : place + 2])].tolist()
        assert len(inside) == min(most, len(chosen))
        if len({time for _, time in chosen}) == len(chosen):
            # The middle of each of `most` equal parts.
            step = len(chosen) / max(len(inside), 1)
            assert inside == [chosen[int((part + 0.5) * step)][0] for part in range(len(inside))]


def test_the_heaviest_users_cost_is_bounded(graph, events):
    """Of each category the latest choices count, the same for any number of them."""
    categories = QueryCategories(graph.before(graph.manifest.validation_start), 1)
    user, query, before = requests(graph, events)
    found = rows_of(in_categories(HistoryIndex(graph, most_read=3), user, query, before, categories, 100))
    assert max(sum(item[1] for item in row) for row in found) == 3
    for place in range(len(user)):
        wanted = {category for category, _ in plain_categories(graph, events, query[place], graph.manifest.validation_start, 1)}
        choices = [
            (product, time)
            for who, _, product, time in events
            if who == user[place] >= 0 and time < before[place] and graph.taxonomy.product_category[product] in wanted
        ]
        if len({time for _, time in choices}) == len(choices):
            assert_same(found[place], plain_history(choices[-3:], before[place], 100))


def test_nothing_at_or_after_the_moment(graph, events):
    user, query, before = requests(graph, events, 2000)
    index = HistoryIndex(graph)
    categories = QueryCategories(graph.before(2**62), 64)
    for past in (in_categories(index, user, query, before, categories, 100), index.latest(user, before, 100)):
        row = np.repeat(np.arange(len(user)), np.diff(past.indptr))
        assert len(row)
        assert (past.last < before[row]).all()
        assert (user[row] >= 0).all()


def test_no_requests(graph):
    nobody, never = np.empty(0, np.int32), np.empty(0, np.int64)
    index = HistoryIndex(graph)
    assert index.latest(nobody, never, 5).indptr.tolist() == [0]
    assert in_categories(index, nobody, nobody, never, QueryCategories(graph.before(0), 3), 5).indptr.tolist() == [0]


def test_an_unknown_past_is_empty(graph):
    categories = QueryCategories(graph.before(graph.manifest.time_first), 3)
    assert categories.category.tolist() == []
    query = np.arange(graph.num_nodes["query"], dtype=np.int32)
    found = in_categories(HistoryIndex(graph), np.zeros(len(query), np.int32), query, np.full(len(query), 2**62), categories, 5)
    assert found.product.tolist() == []


def test_a_shop_of_strangers(tmp_path):
    graph = build(write_tiny_shop(tmp_path / "shop", users=1, events=200), tmp_path / "graph")
    user, query = np.array([-1, -1], np.int32), np.array([0, 1], np.int32)
    categories = QueryCategories(graph.before(2**62), 9)
    assert in_categories(HistoryIndex(graph), user, query, np.full(2, 2**62), categories, 9).indptr.tolist() == [0, 0, 0]
