"""Candidates found in whole arrays are those found along dictionaries, and nothing that lies in the future."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from rich_shop import write_rich_shop
from shops import DAY, START, build, write_tiny_shop

from gnn_search.config.training import RerankerSettings
from gnn_search.graph.store import Graph, to_time
from gnn_search.rerank.candidates import CandidateIndex, Candidates, partner_relations
from gnn_search.rerank.features import candidate_features
from gnn_search.rerank.word_matches import WordMatches
from gnn_search.sampling.history import HistoryIndex, QueryCategories


def candidate_index(
    graph: Graph, as_of: int, settings: RerankerSettings | None = None, most_categories: int = 64, **further: int
) -> CandidateIndex:
    view = graph.before(as_of)
    return CandidateIndex(view, settings or RerankerSettings(), HistoryIndex(graph), QueryCategories(view, most_categories), **further)


def ints(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def find_candidates(index: CandidateIndex, user: np.ndarray, query: np.ndarray, history_query: np.ndarray) -> Candidates:
    """Find candidates along the graph alone, without what words match and what is near by vector."""
    nothing = WordMatches.none(len(user))
    return index.find_candidates(user, query, history_query, nothing, np.empty((len(user), 0), np.int32))


def every_request(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a user, or nobody, and a query, or none."""
    user, query = np.meshgrid(np.arange(-1, graph.num_nodes["user"]), np.arange(-1, graph.num_nodes["query"]))
    return ints(user.ravel()), ints(query.ravel())


@dataclass
class PlainCandidates:
    """The same search in dictionaries, one request at a time."""

    graph: Graph
    moment: int
    settings: RerankerSettings

    def __post_init__(self) -> None:
        table = pl.concat([self.graph.examples(split) for split in ("train", "validation", "test")])
        kinds = self.graph.positive_actions
        events = table.select(pl.col("user").fill_null(-1), "query", "product", "time", "action").rows()
        known = [event for event in events if event[3] < self.moment and event[4] in kinds]
        self.of_query, self.of_user = defaultdict(list), defaultdict(list)
        for user, query, product, time, action in known:
            self.of_query[query].append((product, time))
            if user >= 0:
                self.of_user[user].append((time, kinds.index(action), product))
        self.category = self.graph.taxonomy.product_category
        self.partners = []
        for _, relation, _ in partner_relations(self.graph):
            edges: dict[int, list[tuple[int, float]]] = defaultdict(list)
            view = self.graph.before(self.moment).edges(("product", relation.removeprefix("rev_"), "product"))
            for partner, product, weight in zip(*(view.flatten()[place].tolist() for place in (0, 1, 3)), strict=True):
                edges[product].append((partner, weight))
            self.partners.append(edges)

    def find_candidates(self, user: int, query: int, history_query: int) -> dict[int, list[list[float]]]:
        """Product -> weights of the edges to it, from recent choices and from the last basket, of each relation."""
        nothing = [[0.0, 0.0] for _ in self.partners]
        found = {product: [list(pair) for pair in nothing] for product in self._of_query(query)}
        categories = {self.category[product] for product, _ in self.of_query.get(history_query, [])} - {-1} if user >= 0 else set()
        for _, _, product in self.of_user.get(user, []) if user >= 0 else []:
            if self.category[product] in categories:
                found.setdefault(product, [list(pair) for pair in nothing])
        most = self.settings.recent_length
        latest = sorted(self.of_user.get(user, []), key=lambda interaction: interaction[:2])[-most:] if most else []
        last = {product: max(time for time, _, other in latest if other == product) for _, _, product in latest} if user >= 0 else {}
        for product, time in last.items():
            for relation, edges in enumerate(self.partners):
                for partner, weight in edges[product]:
                    if self.category[partner] in categories:
                        weights = found.setdefault(partner, [list(pair) for pair in nothing])[relation]
                        weights[0] += weight
                        weights[1] += weight * (time >= max(last.values()) - DAY)
        return found

    def _of_query(self, query: int) -> list[int]:
        half_lives = self.settings.half_life_days
        half_life = half_lives[-2] if len(half_lives) > 1 else half_lives[-1]
        chosen = self.of_query.get(query, [])
        count = Counter(product for product, _ in chosen)
        late: dict[int, float] = defaultdict(float)
        for product, time in chosen:
            late[product] += 2 ** (-(self.moment - time) / DAY / half_life)
        return sorted(count, key=lambda product: (-round(late[product], 5), -count[product], product))[: self.settings.products]


SETTINGS = [
    RerankerSettings(),
    RerankerSettings(products=2, recent_length=3, half_life_days=(9.0,)),
    RerankerSettings(products=1, recent_length=0),
]


@pytest.fixture(scope="module")
def rich_graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rich")
    return build(write_rich_shop(folder / "shop"), folder / "graph")


@pytest.fixture(scope="module", params=["tiny", "related", "hand-made", "fruit"])
def graph(request, tiny_graph, rich_graph, random_shop, fruit_shop):
    return {"tiny": tiny_graph, "related": rich_graph, "hand-made": random_shop(3)[2], "fruit": fruit_shop}[request.param]


@pytest.mark.parametrize("settings", SETTINGS, ids=["usual", "narrow", "least"])
@pytest.mark.parametrize("moment", ["validation", "now", "beginning"])
def test_a_search_along_dictionaries_finds_the_same(graph, settings, moment):
    manifest = graph.manifest
    at = {"validation": manifest.validation_start, "now": manifest.time_last + 1, "beginning": manifest.time_first}[moment]
    user, query = every_request(graph)
    # A query may call up history by another's categories.
    history_query = np.where(np.arange(len(query)) % 3 == 0, (query + 1) % graph.num_nodes["query"], query).astype(np.int32)
    found = find_candidates(candidate_index(graph, at, settings), user, query, history_query)
    plain = PlainCandidates(graph, at, settings)
    expected = [plain.find_candidates(*request) for request in zip(user.tolist(), query.tolist(), history_query.tolist(), strict=True)]
    assert found.product.dtype == np.int32
    rows = [(row, product) for row, products in enumerate(expected) for product in sorted(products)]
    assert list(zip(found.row.tolist(), found.product.tolist(), strict=True)) == rows
    weights = np.reshape([expected[row][product] for row, product in rows], (len(rows), len(plain.partners), 2))
    np.testing.assert_allclose(found.partners, weights, rtol=1e-5)
    if moment == "now" and settings is SETTINGS[0]:
        assert len(rows) > 30 or graph.num_nodes["product"] < 10


def test_there_are_partners_to_be_reached(rich_graph):
    """The comparison above would say nothing of partners otherwise."""
    index = candidate_index(rich_graph, rich_graph.manifest.test_start)
    assert {relation for _, relation, _ in index.partner_relations} == {"rev_also", "rev_bought_with"}
    user, query = every_request(rich_graph)
    found = find_candidates(index, user, query, query)
    assert (found.partners > 0).any(axis=0).all()
    assert (found.partners[:, :, 1] < found.partners[:, :, 0]).any()


def test_requests_do_not_touch_each_other(rich_graph):
    index = candidate_index(rich_graph, rich_graph.manifest.test_start)
    user, query = every_request(rich_graph)
    whole = find_candidates(index, user, query, query)
    for place in range(0, len(user), 17):
        alone = find_candidates(index, user[place : place + 1], query[place : place + 1], query[place : place + 1])
        mine = whole.row == place
        assert np.array_equal(alone.product, whole.product[mine])
        assert np.array_equal(alone.partners, whole.partners[mine])


def test_no_request(tiny_graph):
    index = candidate_index(tiny_graph, tiny_graph.manifest.test_start)
    nothing = ints([])
    found = find_candidates(index, nothing, nothing, nothing)
    assert (found.row.shape, found.product.shape, found.partners.shape) == ((0,), (0,), (0, 1, 2))
    assert candidate_features(index, nothing, nothing, nothing, found).shape[0] == 0


def test_categories_that_are_left_out_call_up_nothing(fruit_shop):
    """`apple` led to apples alone, so ann's pear comes back only where the query has the pears' category."""
    at = fruit_shop.manifest.time_last + 1
    queries = fruit_shop.nodes("query")["query"].to_list()
    ann, apple = 0, queries.index("apple")
    all_categories, one_category = candidate_index(fruit_shop, at), candidate_index(fruit_shop, at, most_categories=1)
    assert find_candidates(all_categories, ints([ann]), ints([-1]), ints([apple])).product.tolist() == [0, 1, 2]
    assert find_candidates(one_category, ints([ann]), ints([-1]), ints([apple])).product.tolist() == [0, 1]
    root = queries.index("root")
    assert find_candidates(all_categories, ints([ann]), ints([-1]), ints([root])).product.tolist() == []


# Before validation the number of events says when partners are counted, so there none is removed.
@pytest.mark.parametrize(("day", "later"), [(25, "turned"), (44, "turned"), (44, "removed"), (52, "removed")])
def test_nothing_at_or_after_as_of_counts(tmp_path, day, later):
    shop = write_tiny_shop(tmp_path / "shop")
    first = build(shop, tmp_path / "first")
    table, moment = shop.parent / "events.parquet", START + timedelta(days=day)
    events = pl.read_parquet(table)
    known, future = events.filter(pl.col("timestamp") < moment), events.filter(pl.col("timestamp") >= moment)
    # What is kept keeps the nodes' numbers, and no period empty; some of it lies at the moment itself.
    kept = pl.concat([future.unique("user_id", maintain_order=True), future.unique("query", maintain_order=True)])
    moments = [max(moment, START + timedelta(days=place)) for place in (0, 45, 53)]
    kept = kept.with_columns(product_id=pl.lit("P000"), timestamp=pl.Series([moments[place % 3] for place in range(kept.height)]))
    if later == "turned":
        kept = future.with_columns(product_id=pl.col("product_id").reverse(), action=pl.col("action").reverse())
    pl.concat([known, kept]).write_parquet(table)
    second = build(shop, tmp_path / "second")
    assert first.manifest.hash != second.manifest.hash
    user, query = every_request(first)
    indices = [candidate_index(graph, to_time(moment)) for graph in (first, second)]
    found = [find_candidates(index, user, query, query) for index in indices]
    assert len(found[0].row) > 300
    for name in ("row", "product", "partners"):
        assert np.array_equal(getattr(found[0], name), getattr(found[1], name)), name
    features = [candidate_features(index, user, query, query, reached) for index, reached in zip(indices, found, strict=True)]
    assert np.array_equal(features[0], features[1])
    for name in ("user_interactions", "query_interactions", "user_categories", "user_brands"):
        arrays, others = (getattr(index, name).arrays() for index in indices)
        assert all(np.array_equal(array, others[key]) for key, array in arrays.items()), name


def test_the_cost_of_a_request_is_bounded(tiny_graph):
    at, user = tiny_graph.manifest.time_last + 1, np.arange(15, dtype=np.int32)
    settings = RerankerSettings(products=1, recent_length=0)
    whole = find_candidates(candidate_index(tiny_graph, at, settings), user, np.full_like(user, -1), np.zeros_like(user))
    assert np.bincount(whole.row).max() > 2
    index = candidate_index(tiny_graph, at, settings, own_products=1)
    bounded = find_candidates(index, user, np.full_like(user, -1), np.zeros_like(user))
    category = index.product_category
    found = {(row, category[product]): product for row, product in zip(bounded.row.tolist(), bounded.product.tolist(), strict=True)}
    assert len(found) == len(bounded.row) < len(whole.row)
    # Kept is the latest.
    place = index.user_interactions.find(whole.row, whole.product.astype(np.int64), index.num_products)
    for row, product, days in zip(whole.row.tolist(), whole.product.tolist(), index.user_interactions.latest[place].tolist(), strict=True):
        kept = index.user_interactions.find(np.array([row]), np.array([found[row, category[product]]]), index.num_products)
        assert index.user_interactions.latest[kept[0]] <= days


def test_a_shop_without_categories_and_brands(make_graph):
    events = [("ann", "tea", "p0", 1, "purchase", "a", "x"), ("ann", "jam", "p1", 2, "purchase", "b", "x")]
    later = [(None, "tea", "p0", 12, "purchase", "c", "x"), (None, "tea", "p0", 22, "purchase", "d", "x")]
    graph = make_graph([("p0", "tea", None, None), ("p1", "jam", None, None)], events + later)
    index = candidate_index(graph, graph.manifest.validation_start)
    queries = graph.nodes("query")["query"].to_list()
    tea = ints([queries.index("tea")])
    assert (index.num_categories, index.num_brands) == (1, 0)
    found = find_candidates(index, ints([0]), tea, tea)
    assert found.product.tolist() == [0]
    assert np.isfinite(candidate_features(index, ints([0]), tea, tea, found)).all()


def test_a_shop_of_anonymous_users(make_graph):
    events = [(None, "tea", "p0", day, "purchase", f"s{day}", "x") for day in (1, 12, 22)]
    graph = make_graph([("p0", "tea", "acme", ["drinks"]), ("p1", "jam", None, ["food"])], events)
    assert graph.num_nodes["user"] == 0
    index = candidate_index(graph, graph.manifest.validation_start)
    found = find_candidates(index, ints([-1]), ints([0]), ints([0]))
    assert found.product.tolist() == [0]
    assert np.isfinite(candidate_features(index, ints([-1]), ints([0]), ints([0]), found)).all()


def test_words_and_near_vectors_reach_too(fruit_shop):
    index = candidate_index(fruit_shop, fruit_shop.manifest.validation_start)
    queries = fruit_shop.nodes("query")["query"].to_list()
    apple = ints([queries.index("apple")] * 2)
    # The first request's words match p1 and p3, and p0 and p5 are near it by vector; near the second are p4 and p4's neighbour p3.
    matched = WordMatches(np.array([0, 2]), np.array([2, 2]), ints([3, 1]), np.array([[4, 0.5, 1, 1], [2, 0.25, 0, 1]], np.float32))
    found = index.find_candidates(ints([-1, -1]), apple, apple, matched, ints([[0, 5], [4, 3]]))
    assert found.row.tolist() == [0] * 4 + [1] * 4
    assert found.product.tolist() == [0, 1, 3, 5, 0, 1, 3, 4]
    assert found.from_graph.tolist() == [True, True, True, False, True, True, False, False]
    nothing = [0.0] * 5
    assert found.words.tolist() == [nothing, [2, 0.5, 0.25, 0, 1], [4, 1, 0.5, 1, 1], *[nothing] * 5]
