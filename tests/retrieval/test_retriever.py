"""A retriever from Python: by id as by history, single as in a batch, in several threads, within a filter, and from the cache."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from models import write_model
from shops import build, write_tiny_shop

import gnn_search
from gnn_search.errors import ArtefactError, RequestError
from gnn_search.export.write import export_model
from gnn_search.graph.store import to_datetime
from gnn_search.requests.request import Request
from gnn_search.retrieval.options import RankingOptions
from gnn_search.retrieval.request_cache import RequestCache
from gnn_search.retrieval.results import SearchResult
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import Model, open_model
from gnn_search.trained.node_embeddings import open_node_embeddings

VECTOR = RankingOptions("vector")
TEXTS = ["bread 0", "Tea 1", "never asked", "knives 0", "🍞🍞"]
CHANNELS = ["reranked", "vector", "graph"]


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return open_model(tiny_model)


@pytest.fixture(scope="module", params=CHANNELS)
def retriever(request, model) -> Retriever:
    return Retriever(model, RankingOptions(request.param))


@pytest.fixture(scope="module")
def best(model) -> Retriever:
    return Retriever(model)


def events_of(model: Model, user: int) -> list[dict[str, object]]:
    """Return what the graph knows of a user before the test period, as a request would bring it along."""
    graph = model.graph
    view, rows = graph.before(graph.manifest.test_start), []
    products = graph.nodes("product")["product_id"].to_list()
    for action in graph.manifest.actions:
        edges = view.edges(("product", f"rev_{action}", "user"))
        for place in range(int(edges.starts[user]), int(edges.ends[user])):
            time = to_datetime(int(edges.csr.time[place]))
            rows.append({"product_id": products[edges.csr.index[place]], "timestamp": time, "action": action})
    return rows


def attributes_of(model: Model, user: int) -> dict[str, str | None]:
    return {name: value for name, value in model.graph.nodes("user").row(user, named=True).items() if name != "user_id"}


def assert_same(found: SearchResult, wanted: SearchResult, tolerance: float = 1e-5) -> None:
    assert [hit.product_id for hit in found] == [hit.product_id for hit in wanted]
    np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in wanted], rtol=tolerance, atol=tolerance)


def test_the_package_offers_it(tiny_model):
    assert gnn_search.Retriever is Retriever
    assert gnn_search.Request is Request
    with pytest.raises(AttributeError, match="has no attribute 'Retrievers'"):
        gnn_search.Retrievers  # noqa: B018


def test_hits_say_what_they_are(model, best):
    found = best.search("bread 0", user_id=3, k=4)
    assert isinstance(found, SearchResult)
    assert len(found) == 4
    assert [hit.rank for hit in found] == [1, 2, 3, 4]
    assert found[0] == found.hits[0]
    assert found[1:] == found.hits[1:]
    products = {row["product_id"]: row for row in model.graph.nodes("product").iter_rows(named=True)}
    paths = model.graph.nodes("category")["path"]
    for hit in found:
        assert (hit.title, hit.category) == (products[hit.product_id]["title"], paths[products[hit.product_id]["category"]])
    assert found.notes == ()


@pytest.mark.parametrize("user", range(1, 16))
def test_a_known_user_who_brings_the_past_along_gets_the_result_of_the_id(model, retriever, user):
    node = model.graph.nodes("user")["user_id"].to_list().index(user)
    history = events_of(model, node)
    assert history
    for text in TEXTS:
        by_id = retriever.search(text, user_id=user, k=30)
        assert_same(retriever.search(text, history=history, attributes=attributes_of(model, node), k=30), by_id)
        # Attributes of a known user stay; the order in which events of different times are handed in does not count.
        turned = sorted(history, key=lambda event: event["timestamp"], reverse=True)
        assert_same(retriever.search(text, user_id=user, history=turned, k=30), by_id)


def test_the_past_counts(best):
    plain, one, other = (best.search("bread 0", history=history, k=20).hits for history in ([], ["P000", "P008"], ["P001", "P009"]))
    assert len({plain, one, other}) == 3
    assert best.search("bread 0", history=["P000", "P001"], k=20).hits != best.search("bread 0", history=["P001", "P000"], k=20).hits


def test_nothing_known_of_a_user_is_exactly_the_plain_result(retriever):
    for text in TEXTS:
        plain = retriever.search(text, k=20)
        assert retriever.search(text, history=[], k=20) == plain
        nobody = retriever.search(text, user_id="nobody", k=20)
        assert nobody.hits == plain.hits
        strangers = retriever.search(text, history=["no", "such", "P00"], k=20)
        assert strangers.hits == plain.hits
        assert strangers.unknown_events == 3
        assert "3 of 3 events of the history are of products that are not in the graph" in strangers.notes
    assert any("there is no user 'nobody' in the graph" in note for note in nobody.notes)


def test_unknown_products_are_left_out_and_noted(best):
    found = best.search("tea 0", history=["P003", "gone", "P011"])
    assert found.unknown_events == 1
    assert_same(found, best.search("tea 0", history=["P003", "P011"]), 1e-4)


def test_events_that_are_not_before_the_time_do_not_count(best):
    early = {"product_id": "P003", "timestamp": "2024-02-20"}
    found = best.search("tea 0", history=[early, {"product_id": "P004", "timestamp": "2024-02-22T00:00"}], k=20)
    assert (found.later_events, found.unknown_events) == (1, 0)
    assert found.notes == ("1 of 2 events of the history are not before 2024-02-22 00:00 UTC, as of which is searched",)
    assert found.hits == best.search("tea 0", history=[early], k=20).hits


REQUESTS = [
    Request("bread 0"),
    Request("Bread 0", user_id=3),
    Request("never asked", history=["P001", "P005"]),
    Request("tea 1", user_id="5", history=[]),
    Request("tea 1", user_id="nobody"),
    Request("🍞🍞", user_id=7),
    Request("bread 0", history=[{"product_id": "P002", "action": "click", "query": "tea 0"}], attributes={"city": "Köln"}),
]


def test_a_batch_finds_what_single_searches_find(retriever):
    batch = retriever.search_many(REQUESTS, k=12)
    for request, found in zip(REQUESTS, batch, strict=True):
        single = retriever.search(request.query, request.user_id, request.history, k=12, attributes=request.attributes)
        assert_same(found, single)
        assert found.notes == single.notes
    assert list(retriever.search_many([])) == []


def test_graph_users_described_users_and_nobody_in_one_batch(retriever):
    """Each kind of user is encoded on its own; the results stand in the order of the requests."""
    users = [{"user_id": 3}, {"history": ["P001", "P009"]}, {}, {"user_id": 9}, {"user_id": 3, "history": ["P002"]}, {"user_id": "nobody"}]
    requests = [{"query": text, **user} for text in ("bread 0", "never asked", "tea 1") for user in users]
    batch = retriever.search_many(requests, k=20)
    assert len(batch) == len(requests)
    for request, found in zip(requests, batch, strict=True):
        single = retriever.search(**request, k=20)
        assert [hit.product_id for hit in found] == [hit.product_id for hit in single]
        np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in single], atol=1e-6, rtol=0)
        assert (found.query, found.user_id, found.user_known) == (single.query, single.user_id, single.user_known)
        assert (found.history_events, found.notes) == (single.history_events, single.notes)
    assert len({found.hits for found in batch[:6]}) == 5  # Whom the graph does not hold is nobody.


def test_requests_may_be_mappings(best):
    assert best.search_many([{"query": "bread 0", "user_id": 3}], k=5)[0] == best.search("bread 0", 3, k=5)
    with pytest.raises(RequestError, match="a request has no key 'user'; did you mean 'user_id'"):
        best.search_many([{"query": "bread 0", "user": 3}])


def test_a_file_is_answered_as_python_is(retriever):
    table = pl.DataFrame({"user_id": [3, None, 99, 3], "query": ["Bread 0", "tea 1", "tea 1", "Bread 0"]})
    table = table.with_columns(history=pl.Series([None, ["P001"], [], None], dtype=pl.List(pl.String)))
    rows, found = retriever.search_table(table, 6), retriever.search_many(list(table.iter_rows(named=True)), 6)
    for one, other in zip(rows, found, strict=True):
        assert_same(one, other)
        assert one.notes == other.notes


def test_several_threads_find_what_one_finds(model):
    serial = Retriever(model, cache=RequestCache(size=0))
    jobs = [(request, k) for k in (3, 10) for request in REQUESTS * 3]

    def answer(retriever: Retriever, job: tuple[Request, int]) -> SearchResult:
        request, k = job
        return retriever.search(request.query, request.user_id, request.history, k, attributes=request.attributes, session=request.session)

    wanted = [answer(serial, job) for job in jobs]
    for cache in (RequestCache(size=0), RequestCache(size=3), RequestCache()):
        shared = Retriever(model, cache=cache)
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(lambda job, shared=shared: answer(shared, job), jobs)) == wanted


@pytest.mark.parametrize("k", [1, 7, 40])
def test_a_filter_leaves_the_list_without_the_other_products(retriever, k):
    graph = retriever.model.graph
    paths = pl.Series(graph.nodes("category")["path"]).gather(graph.nodes("product")["category"]).to_list()
    path_of = dict(zip(graph.nodes("product")["product_id"], paths, strict=True))
    inside = {
        name: {product for product, path in path_of.items() if f"{path} > ".startswith(f"{name} > ")}
        for name in ("food", "food > bakery", "drinks > tea")
    }
    filters = [*inside.items()] + [(ids, set(ids)) for ids in (["P013"], ["P001", "P030", "P001", "P017"], [])]
    for stated, ids in filters:
        whole = retriever.search_many(REQUESTS, k=40)
        for found, every in zip(retriever.search_many(REQUESTS, k=k, filter=stated), whole, strict=True):
            wanted = [(hit.product_id, hit.score) for hit in every if hit.product_id in ids][:k]
            assert [(hit.product_id, hit.score) for hit in found] == wanted
    assert sorted(len(ids) for ids in inside.values()) == [5, 10, 20]


def test_products_of_a_filter_that_the_graph_does_not_hold_are_noted(best):
    found = best.search("tea 0", filter=["P001", "none", 7])
    assert [hit.product_id for hit in found] == ["P001"]
    assert found.notes == ("2 products of the filter are not in the graph",)
    with pytest.raises(RequestError, match=r"there is no category 'fod' in the graph .*; did you mean"):
        best.search("tea 0", filter="fod")
    with pytest.raises(RequestError, match=r"the filter can't be read \(expected ids, text or integers, got 1.5\)"):
        best.search("tea 0", filter=[1.5])


def test_the_least_score_holds_for_described_users_too(best, model):
    vectors = Retriever(model, VECTOR)
    scores = {hit.product_id: hit.score for hit in vectors.search("bread 0", history=["P001"], k=40)}
    least = sorted(scores.values())[-6] - 1e-6
    found = best.search("bread 0", history=["P001"], k=40, min_score=least)
    assert {hit.product_id for hit in found} == {product for product, score in scores.items() if score >= least}
    assert len(found) == 6


def test_cached_answers_are_equal_and_counted(model):
    cache = RequestCache()
    retriever = Retriever(model, cache=cache)
    assert (cache.context.hits, cache.context.misses) == (0, 0)
    first = [retriever.search(request.query, request.user_id, request.history, attributes=request.attributes) for request in REQUESTS]
    # The fifth request is of nobody, as is no other with that text; the first two differ by user.
    assert (cache.context.hits, cache.context.misses, cache.context.entries) == (0, 7, 7)
    again = [retriever.search(request.query, request.user_id, request.history, attributes=request.attributes) for request in REQUESTS]
    assert again == first
    assert (cache.context.hits, cache.context.misses, cache.context.entries) == (7, 7, 7)
    # The vector is kept, not the list: how many are wanted, and of which, does not count.
    assert retriever.search("bread 0", k=3).hits == first[0].hits[:3]
    assert cache.context.hits == 8
    assert_same(retriever.search_many([*REQUESTS, Request("new")])[2], first[2])
    assert (cache.context.hits, cache.context.misses) == (15, 8)


CONTEXTS = [
    {"history": ["P001", "P005"]},
    {"history": ["P005", "P001"]},
    {"history": ["P001", "P005", "P005"]},
    {"history": [{"product_id": "P001", "action": "click"}, "P005"]},
    {"history": [{"product_id": "P001", "weight": 2}, "P005"]},
    {"history": [{"product_id": "P001", "timestamp": "2024-02-01"}, "P005"]},
    {"history": [{"product_id": "P001", "query": "tea 0"}, "P005"]},
    {"history": ["P001", "P005"], "attributes": {"city": "Köln"}},
    {"history": ["P001", "P005"], "user_id": 3},
    {"user_id": 3},
    {"user_id": 4},
    {},
]


def test_a_changed_context_is_never_answered_from_the_cache(model):
    cache, fresh = RequestCache(), Retriever(model, VECTOR, cache=RequestCache(size=0))
    retriever = Retriever(model, VECTOR, cache=cache)
    for context in CONTEXTS:
        assert retriever.search("tea 1", **context) == fresh.search("tea 1", **context)
    assert (cache.context.hits, cache.context.entries) == (0, len(CONTEXTS))


def test_another_model_or_time_is_never_answered_from_the_cache(tiny_graph, tmp_path, model):
    cache = RequestCache()
    others = [
        Retriever(model, cache=cache),
        Retriever(open_model(write_model(tiny_graph, tmp_path / "other", seed=3)), cache=cache),
        Retriever(model, as_of=model.graph.manifest.validation_start, cache=cache),
    ]
    found = [[one.search("tea 1", user_id=3).hits, one.search("tea 1", user_id=3, session="s").hits] for one in others]
    assert (cache.context.hits, cache.session.hits) == (0, 0)
    assert all(by_context == by_session for by_context, by_session in found)
    assert len({by_context for by_context, _ in found}) == 3


def test_a_session_keeps_the_vector_of_its_query(model):
    retriever = Retriever(model, VECTOR)
    first = retriever.search("tea 1", history=["P001"], session="s")
    assert retriever.search("Tea  1", history=["P001", "P009"], session="s").hits == first.hits
    assert retriever.search("tea 1", history=["P001", "P009"], session="t").hits != first.hits
    assert retriever.search("tea 0", history=["P001"], session="s").hits != first.hits
    assert (retriever.cache.session.hits, retriever.cache.session.misses, retriever.cache.context.misses) == (1, 3, 0)


def test_what_can_not_be_read_is_refused(best):
    faults = {
        "is a text; give a list of product ids": {"history": "P001"},
        "has the key 'product'; give product_id and, where known, timestamp": {"history": [{"product": 1}]},
        "has no product_id": {"history": [{"action": "click"}]},
        "there is no action 'buy' in the graph; give one of click, purchase": {"history": [{"product_id": "P001", "action": "buy"}]},
        "the timestamp 'soon' of the history is not understood": {"history": [{"product_id": "P001", "timestamp": "soon"}]},
        "a weight of the history is no number of 0 or more": {"history": [{"product_id": "P001", "weight": -1}]},
        "a history can't be read .*; give product ids, or events of one kind": {"history": [1.5]},
        "users of the graph have no attribute 'town'; they have age, city": {"history": ["P001"], "attributes": {"town": "Bo"}},
        "gives attributes for user '3', whom the graph knows; give the history too": {"user_id": 3, "attributes": {"city": "Bo"}},
        "a user can't be looked up": {"user_id": 1.5},
        "k is 41, larger than the catalogue": {"k": 41},
    }
    for sentence, given in faults.items():
        with pytest.raises(RequestError, match=sentence):
            best.search("tea", **given)
    with pytest.raises(RequestError, match=r"the query ' ' \(request 1, from 0\) is blank"):
        best.search_many([Request("tea"), Request(" ")])


def test_an_index_of_the_model_is_used_and_any_other_refused(model, tiny_graph, tmp_path):
    export_model(model, open_node_embeddings(model), tmp_path / "export")
    loaded = Retriever.load(model.path, graph=model.graph.path, index=tmp_path / "export" / "faiss")
    assert list(loaded.search_many(REQUESTS)) == list(Retriever.load(str(model.path)).search_many(REQUESTS))
    other = write_model(tiny_graph, tmp_path / "other", seed=3)
    with pytest.raises(ArtefactError, match="is of another model than"):
        Retriever.load(other, index=tmp_path / "export" / "faiss")


def test_where_timestamps_keep_order_alone_a_history_is_an_order(tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    content["tables"]["events"]["clock"] = "order"
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    graph = build(recipe, tmp_path / "graph")
    retriever = Retriever(open_model(write_model(graph, Path(tmp_path / "model"))))
    timed = [{"product_id": "P002", "timestamp": 3000}, {"product_id": "P001", "timestamp": 20}, "P007"]
    assert retriever.search("tea 0", history=timed).hits == retriever.search("tea 0", history=["P001", "P002", "P007"]).hits


def test_a_filter_of_several_parts(best, model):
    graph = model.graph
    ids = graph.nodes("product")["product_id"].to_list()
    category = graph.nodes("category")["path"][int(np.asarray(graph.taxonomy.product_category)[0])]
    inside = {hit.product_id for hit in best.search("tea", k=40, filter=category)}
    some = [*sorted(inside)[:2], *sorted(set(ids) - inside)[:2], "no such product"]
    found = best.search("tea", k=40, filter={"category": category, "products": some})
    assert {hit.product_id for hit in found} == set(some[:2])
    assert any("1 product of the filter is not in the graph" in note for note in found.notes)
    with pytest.raises(RequestError, match="the filter has the key 'colour'; give some of category, products, flag"):
        best.search("tea", filter={"colour": "red"})


def test_several_categories(best, model):
    paths = model.graph.nodes("category")["path"].to_list()
    one, other = [path for path in paths if " > " not in path][:2]
    both = {hit.product_id for hit in best.search("tea", k=40, filter={"category": [one, other]})}
    assert both == {hit.product_id for path in (one, other) for hit in best.search("tea", k=40, filter=path)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"k": 2.5}, "k is 2.5; give the number of products wanted as a whole number"),
        ({"k": "3"}, "k is '3'; give the number"),
        ({"k": True}, "k is True; give the number"),
        ({"query": None}, "a query is None; give text"),
        ({"min_score": float("nan")}, "the least score is nan; give a cosine"),
        ({"min_score": "0.5"}, "the least score is '0.5'; give a cosine"),
        ({"filter": b"P001"}, "the products of the filter are b'P001'; give a list of product ids"),
        ({"filter": {"products": "P001"}}, "the products of the filter are 'P001'; give a list"),
        ({"filter": {"products": {"P001": 1}}}, "the products of the filter are {'P001': 1}; give a list"),
        ({"filter": {"category": 1.5}}, "the category of the filter is 1.5; give a path, an id, or a list of them"),
        ({"filter": 7}, "the products of the filter are 7; give a list"),
    ],
)
def test_wrong_arguments_are_one_sentence(best, given, message):
    with pytest.raises(RequestError) as error:
        best.search(**{"query": "tea", **given})
    assert message in str(error.value)


def test_a_time_may_be_a_date_or_text(tiny_model, model):
    moment = model.graph.manifest.test_start + 86_400_000_000
    said = [moment, to_datetime(moment), to_datetime(moment).isoformat()]
    assert {Retriever.load(tiny_model, channel="vector", as_of=one).as_of for one in said} == {moment}
    with pytest.raises(RequestError, match=r"the time 1.5 is no date or time"):
        Retriever.load(tiny_model, as_of=1.5)
    with pytest.raises(RequestError, match=r"the time 'soon' is no ISO 8601 date or time"):
        Retriever.load(tiny_model, as_of="soon")
