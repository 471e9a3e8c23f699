"""Features of candidates, computed by hand, and those for a user of whom nothing is known."""

from __future__ import annotations

from math import log, log1p

import numpy as np
import polars as pl
import pytest
from rich_shop import write_rich_shop
from shops import DAY, build, write_tiny_shop

from gnn_search.config.training import RerankerSettings
from gnn_search.graph.store import Graph
from gnn_search.rerank.borrowed import BORROWED_FEATURES
from gnn_search.rerank.candidates import CandidateIndex, Candidates
from gnn_search.rerank.features import candidate_features, feature_names
from gnn_search.rerank.word_matches import WordMatches
from gnn_search.sampling.history import HistoryIndex, QueryCategories
from gnn_search.tables.text import normalise_distinct

HALF_LIVES = (5.0, 10.0)
SETTINGS = RerankerSettings(half_life_days=HALF_LIVES, factors=())


def candidate_index(graph: Graph, as_of: int, settings: RerankerSettings = SETTINGS) -> CandidateIndex:
    view = graph.before(as_of)
    return CandidateIndex(view, settings, HistoryIndex(graph), QueryCategories(view, 64))


def ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def find_candidates(index: CandidateIndex, user: np.ndarray, query: np.ndarray, history_query: np.ndarray) -> Candidates:
    """Find candidates along the graph alone, without what words match and what is near by vector."""
    nothing = WordMatches.none(len(user))
    return index.find_candidates(user, query, history_query, nothing, np.empty((len(user), 0), np.int32))


def described(index: CandidateIndex, user: int, query: int, history_query: int | None = None) -> dict[int, dict[str, float]]:
    """Product -> name -> number."""
    asked, about = (ints([user]), ints([query])), ints([query if history_query is None else history_query])
    candidates = find_candidates(index, *asked, about)
    names = feature_names(index.settings, index.partner_relations)
    features = candidate_features(index, *asked, about, candidates)
    assert features.shape == (len(candidates.product), len(names))
    assert features.dtype == np.float32
    rows = zip(candidates.product.tolist(), features.tolist(), strict=True)
    return {product: dict(zip(names, row, strict=True)) for product, row in rows}


def test_what_is_only_near_changes_no_features_of_what_the_graph_leads_to(tiny_graph):
    index = candidate_index(tiny_graph, tiny_graph.manifest.test_start)
    user, query = ints(range(10)), ints(range(10))
    plain = find_candidates(index, user, query, query)
    nothing = WordMatches.none(10)
    everything = np.tile(np.arange(index.num_products, dtype=np.int32), (10, 1))
    more = index.find_candidates(user, query, query, nothing, everything)
    assert len(more.row) == 10 * index.num_products > len(plain.row)
    assert more.from_graph.sum() == len(plain.row)
    described_more = candidate_features(index, user, query, query, more)
    assert np.array_equal(described_more[more.from_graph], candidate_features(index, user, query, query, plain))


def halved(days: float, half_life: float) -> float:
    return 2 ** (-days / half_life)


def test_hand_computed(fruit_shop):
    """On day 10 ann had clicked p0 on days 1 and 2, bob p1 on day 4, all for `apple`."""
    queries = fruit_shop.nodes("query")["query"].to_list()
    found = described(candidate_index(fruit_shop, fruit_shop.manifest.validation_start), 0, queries.index("apple"))
    assert list(found) == [0, 1]
    expected = {
        "interaction for the query": (1, 1),
        "times for the query": (log1p(2), log1p(1)),
        "share of the query's interactions": (log(2.1 / 4), log(1.1 / 4)),
        "days since interaction for the query": (log1p(8), log1p(6)),
        "users": (log1p(1), log1p(1)),
        "days since its first interaction": (log1p(9), log1p(6)),
        "own product: repurchase interval": (log1p(1), log1p(200)),
        "own product: days since, by the repurchase interval": (8 / 4, 0),
        "own interactions among the candidates": (log1p(2), log1p(2)),
        "own share among the candidates": (1, 0),
        "own recent share among the candidates": (1, 0),
        "own share of the brand": (1, 0),
        "own interactions": (log1p(2), log1p(2)),
        "share of the category in the query's interactions": (log(3.1 / 4), log(3.1 / 4)),
        "words: BM25": (0, 0),
        "words: share of the best match": (0, 0),
        "words: share covered exactly": (0, 0),
        "words: share covered by stem": (0, 0),
        "words: share covered in some form": (0, 0),
        "products of the query": (log1p(2), log1p(2)),
        "known query": (1, 1),
    }
    for what in ("own product", "own brand"):
        expected |= {what: (1, 0), f"{what}: times": (log1p(2), 0), f"{what}: days since": (log1p(8), 0)}
    # Both are apples.
    expected |= {"own category": (1, 1), "own category: times": (log1p(2),) * 2, "own category: days since": (log1p(8),) * 2}
    for half_life in HALF_LIVES:
        name = f"half-life {half_life:g} days"
        red, green = halved(9, half_life) + halved(8, half_life), halved(6, half_life)
        total = red + green + 1
        expected |= {
            f"share of the query's interactions, {name}": (log((red + 0.1) / total), log((green + 0.1) / total)),
            f"interactions, {name}": (log(red + 0.1), log(green + 0.1)),
            f"first interactions, {name}": (log(halved(9, half_life) + 0.1), log(green + 0.1)),
            f"own product: {name}": (log1p(4 * red), 0),
            f"own category: {name}": (log1p(4 * red), log1p(4 * red)),
            f"own brand: {name}": (log1p(4 * red), 0),
        }
    expected |= dict.fromkeys(BORROWED_FEATURES, (0, 0))
    assert set(expected) == set(found[0])
    for name, numbers in expected.items():
        assert (found[0][name], found[1][name]) == pytest.approx(numbers, abs=1e-5), name


def test_users_alike_enter_as_they_are(tiny_graph):
    index = candidate_index(tiny_graph, tiny_graph.manifest.test_start, RerankerSettings(factors=(2, 5)))
    user, query = ints([-1, 0, 1, 2, 3]), ints([0, 1, 2, 3, 4])
    candidates = find_candidates(index, user, query, query)
    names = feature_names(index.settings, index.partner_relations)
    places = [place for place, name in enumerate(names) if name.startswith("similar users")]
    assert [names[place] for place in places] == [f"similar users, {rank} factors{end}" for rank in (2, 5) for end in ("", ": direction")]
    features = candidate_features(index, user, query, query, candidates)[:, places]
    expected = index.factors.columns(user[candidates.row].astype(np.int64), candidates.product.astype(np.int64))
    assert np.array_equal(features, np.column_stack(expected))
    assert features.any(axis=0).all()
    assert not features[user[candidates.row] < 0].any()


def test_a_new_query_is_told_apart(fruit_shop):
    index = candidate_index(fruit_shop, fruit_shop.manifest.validation_start)
    apple = fruit_shop.nodes("query")["query"].to_list().index("apple")
    asked = described(index, 0, apple)
    unasked = described(index, 0, -1, history_query=apple)
    assert {numbers["known query"] for numbers in asked.values()} == {1}
    assert {numbers["known query"] for numbers in unasked.values()} == {0}


def test_partners_enter_as_logarithms(tmp_path):
    graph = build(write_rich_shop(tmp_path / "shop"), tmp_path / "graph")
    index = candidate_index(graph, graph.manifest.test_start)
    user, query = (ints(part.ravel()) for part in np.meshgrid(np.arange(15), np.arange(20)))
    candidates = find_candidates(index, user, query, query)
    features = candidate_features(index, user, query, query, candidates)
    names = feature_names(SETTINGS, index.partner_relations)
    assert features.shape[1] == len(names) == len(set(names))
    assert names[-4:] == [f"{name}: {what}" for name in ("also", "bought_with") for what in ("recent products", "last basket")]
    np.testing.assert_allclose(features[:, -4:], np.log1p(candidates.partners.reshape(-1, 4)), rtol=1e-6)


@pytest.mark.parametrize("half_lives", [(7.0,), (1.0, 2.0, 3.0), (7.0, 30.0, 90.0, 365.0)])
def test_a_name_for_each_column(tiny_graph, fruit_shop, random_shop, half_lives):
    for graph in (tiny_graph, fruit_shop, random_shop(0)[2]):
        index = candidate_index(graph, graph.manifest.test_start, RerankerSettings(half_life_days=half_lives))
        names = feature_names(index.settings, index.partner_relations)
        user, query = ints([0, -1]), ints([0, 1])
        features = candidate_features(index, user, query, query, find_candidates(index, user, query, query))
        assert features.shape[1] == len(names) == len(set(names))


def test_a_user_of_whom_nothing_is_known_yet_is_nobody(fruit_shop):
    """Bob first comes on day 4."""
    view = fruit_shop.manifest.time_first + 2 * DAY + DAY // 2
    index = candidate_index(fruit_shop, view)
    query = ints(np.arange(fruit_shop.num_nodes["query"]))
    bob, nobody = np.full_like(query, 1), np.full_like(query, -1)
    found, plain = find_candidates(index, bob, query, query), find_candidates(index, nobody, query, query)
    assert len(plain.product)
    for name in ("row", "product", "partners"):
        assert np.array_equal(getattr(found, name), getattr(plain, name))
    of_nobody = candidate_features(index, nobody, query, query, plain)
    assert np.array_equal(candidate_features(index, bob, query, query, found), of_nobody)
    ann = np.zeros_like(query)
    candidates = find_candidates(index, ann, query, query)
    assert not np.array_equal(candidate_features(index, ann, query, query, candidates), of_nobody)


def test_a_query_that_led_to_nothing_yet_is_new(fruit_shop):
    """`pear` is first asked on day 23; what ann chose for `apple` is called up for both."""
    queries = fruit_shop.nodes("query")["query"].to_list()
    index = candidate_index(fruit_shop, fruit_shop.manifest.validation_start)
    apple = queries.index("apple")
    found = described(index, 0, queries.index("pear"), apple)
    assert list(found) == [0]
    assert found == described(index, 0, -1, apple)
    assert found[0]["interaction for the query"] == found[0]["products of the query"] == 0
    assert found[0]["share of the query's interactions"] == pytest.approx(log(0.1))
    assert found[0]["days since interaction for the query"] == pytest.approx(log1p(400))


@pytest.mark.parametrize("what", ["category", "brand"])
def test_what_a_product_lacks_no_user_chose(random_shop, what):
    for seed in range(3):
        graph = random_shop(seed)[2]
        index = candidate_index(graph, graph.manifest.time_last + 1)
        user, query = (ints(part.ravel()) for part in np.meshgrid(np.arange(graph.num_nodes["user"]), np.arange(graph.num_nodes["query"])))
        candidates = find_candidates(index, user, query, query)
        lacking = (index.product_category if what == "category" else index.product_brand)[candidates.product] < 0
        column = feature_names(SETTINGS, index.partner_relations).index(f"own {what}")
        own = candidate_features(index, user, query, query, candidates)[:, column]
        assert lacking.any()
        assert not own[lacking].any()
        assert own[~lacking].any()


def test_one_interaction_that_weighs_much_is_no_repurchase_interval(tiny_graph):
    """Two interactions at one time, as one of weight 2, say nothing of how often a user comes back."""
    index = candidate_index(tiny_graph, tiny_graph.manifest.test_start)
    user, query = (ints(part.ravel()) for part in np.meshgrid(np.arange(15), np.arange(20)))
    candidates = find_candidates(index, user, query, query)
    place = index.user_interactions.find(user[candidates.row].astype(np.int64), candidates.product.astype(np.int64), index.num_products)
    once = np.flatnonzero((place >= 0) & (index.user_interactions.first[place] == index.user_interactions.latest[place]))
    index.user_interactions.count[place[once]] = 2
    column = feature_names(SETTINGS, index.partner_relations).index("own product: repurchase interval")
    assert len(once)
    np.testing.assert_allclose(candidate_features(index, user, query, query, candidates)[once, column], log1p(200), rtol=1e-6)


def of_products(index: CandidateIndex, without: int | None) -> dict[str, np.ndarray]:
    """Name -> numbers of all products for nobody who asks nothing known."""
    nobody, nothing = ints([-1]), WordMatches.none(1)
    everything = index.find_candidates(nobody, nobody, nobody, nothing, np.arange(index.num_products, dtype=np.int32)[None])
    left_out = None if without is None else ints([without])
    features = candidate_features(index, nobody, nobody, nobody, everything, left_out)
    return dict(zip(feature_names(index.settings, index.partner_relations), features.T, strict=True))


def test_products_without_the_interactions_of_a_query(tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    full = build(recipe, tmp_path / "full")
    table = tmp_path / "shop" / "events.parquet"
    events = pl.read_parquet(table)
    view = full.before(full.manifest.test_start)
    query = int(view.edges(("product", "rev_leads_to", "query")).degree().argmax())
    text = full.nodes("query")["query"][query]
    asked = normalise_distinct(events["query"]) == text
    events.filter(~asked).write_parquet(table)
    lacking = build(recipe, tmp_path / "lacking")
    moment = full.manifest.test_start
    settings = ((full, None), (full, query), (lacking, None))
    plain, found, truth = (of_products(candidate_index(graph, moment), without) for graph, without in settings)
    choices = [f"interactions, half-life {day:g} days" for day in HALF_LIVES]
    for name in choices:
        assert not np.allclose(plain[name], truth[name], atol=1e-2)
        np.testing.assert_allclose(found[name], truth[name], atol=1e-3)
    for name in [f"first {name}" for name in choices] + ["users"]:
        assert (found[name] <= np.maximum(truth[name], plain[name]) + 1e-3).all()
        assert (found[name] < plain[name]).any()
    untouched = found[choices[0]] == plain[choices[0]]
    assert 0 < untouched.sum() < len(untouched)
    for name, numbers in found.items():
        assert np.array_equal(numbers[untouched], plain[name][untouched]), name
