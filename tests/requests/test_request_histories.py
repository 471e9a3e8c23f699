"""Histories in a file of requests."""

from __future__ import annotations

import polars as pl
import pytest
from models import write_model

from gnn_search.errors import RequestError, TableError
from gnn_search.graph.store import to_datetime
from gnn_search.requests.request import Request
from gnn_search.retrieval.options import open_ranking_options
from gnn_search.retrieval.retrieve import RetrievalSummary, retrieve
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model


@pytest.fixture(scope="module")
def model(tiny_model):
    return open_model(tiny_model)


def answer(model, frame: pl.DataFrame, folder, name: str = "in.parquet", k: int = 7, **further) -> tuple[pl.DataFrame, RetrievalSummary]:
    folder.mkdir()
    frame.write_parquet(folder / name) if name.endswith("parquet") else frame.write_ndjson(folder / name)
    summary = retrieve(model, folder / name, folder / "out.parquet", k, model.graph.manifest.test_start, **further)
    return pl.read_parquet(folder / "out.parquet"), summary


def events_of(model, user: int) -> list[dict[str, object]]:
    """Return what the graph knows of a user before the test period, in the order of time."""
    graph, rows = model.graph, []
    view, products = graph.before(graph.manifest.test_start), graph.nodes("product")["product_id"].to_list()
    for action in graph.manifest.actions:
        edges = view.edges(("product", f"rev_{action}", "user"))
        for place in range(int(edges.starts[user]), int(edges.ends[user])):
            time = to_datetime(int(edges.csr.time[place])).replace(tzinfo=None)
            rows.append({"product_id": products[edges.csr.index[place]], "timestamp": time, "action": action})
    return rows


@pytest.mark.parametrize("channel", ["reranked", "vector", "graph", "rrf"])
def test_a_users_own_events_give_the_list_of_the_id(model, tmp_path, channel):
    options, ids = open_ranking_options(model, channel), model.graph.nodes("user")["user_id"].to_list()
    users = [3, 7, 3, 11]
    by_id = pl.DataFrame({"user_id": users, "query": ["bread 0", "tea 0", "never asked", "tea 0"]})
    given = by_id.with_columns(history=pl.Series([events_of(model, ids.index(user)) for user in users]))
    # Others in the same block, without a history, stay as they are.
    mixed = pl.concat([by_id.with_columns(history=pl.lit(None, given.schema["history"])), given])
    wanted, _ = answer(model, by_id, tmp_path / "id", options=options)
    found, summary = answer(model, mixed, tmp_path / "mixed", options=options)
    half = wanted.height
    assert found[:half].drop("score").equals(wanted.drop("score"))
    assert found[half:].drop("score").equals(wanted.drop("score"))
    assert (found[half:]["score"] - wanted["score"]).abs().max() < 1e-5
    assert (summary.users_known, summary.users_given, summary.events_unknown) == (4, 4, 0)


def test_lists_of_ids_in_json_lines(model, tmp_path):
    """A stranger becomes somebody; what the graph does not hold is counted; an empty history of a stranger says nothing."""
    products = model.graph.nodes("product")["product_id"].to_list()
    histories = [products[:5], [], None, [*products[:5], "no such product"]]
    frame = pl.DataFrame({"user_id": [999, 999, 999, 999], "query": ["tea 0"] * 4, "history": histories})
    found, summary = answer(model, frame, tmp_path / "a", "in.jsonl")
    personal, empty, plain, same = (found[start : start + 7]["product_id"].to_list() for start in (0, 7, 14, 21))
    assert empty == plain != personal == same
    assert (summary.users_given, summary.users_unknown, summary.events_unknown, summary.events_later) == (2, 2, 1, 0)


def test_an_empty_history_of_a_known_user_leaves_nothing_known(model, tmp_path):
    frame = pl.DataFrame({"user_id": [3, None], "query": ["bread 0"] * 2, "history": pl.Series([[], None], dtype=pl.List(pl.String))})
    found, _ = answer(model, frame, tmp_path / "a", options=open_ranking_options(model, "vector"))
    known, _ = answer(model, frame.drop("history"), tmp_path / "b", options=open_ranking_options(model, "vector"))
    assert known[:7]["score"].to_list() != known[7:]["score"].to_list()
    assert found[7:]["score"].to_list() == known[7:]["score"].to_list()
    assert found[:7]["score"].to_list() != known[:7]["score"].to_list()


@pytest.mark.parametrize(
    ("history", "error", "sentence"),
    [
        (["a"], TableError, r"column 'history' of .*in.parquet: expected lists of product ids or of events, got String; write"),
        ([[1.5]], TableError, r"got List\(Float64\)"),
        ([[{"product": "P001"}]], TableError, r"the events of column 'history' of .* have the key 'product'; give product_id"),
        ([[{"query": "tea"}]], TableError, "have no product_id"),
        ([[{"product_id": "P001", "action": "stolen"}]], RequestError, "there is no action 'stolen' in the graph"),
    ],
)
def test_what_is_no_history(model, tmp_path, history, error, sentence):
    with pytest.raises(error, match=sentence):
        answer(model, pl.DataFrame({"query": ["tea 0"], "history": history}), tmp_path / "a")
    assert not list((tmp_path / "a").glob("out*"))


def test_a_fault_far_down_is_found_before_anything_is_answered(model, tmp_path):
    histories = [[{"product_id": "P001", "action": "purchase"}]] * 3 + [[{"product_id": "P001", "action": "stolen"}]]
    with pytest.raises(RequestError, match="there is no action 'stolen' in the graph"):
        answer(model, pl.DataFrame({"query": ["tea 0"] * 4, "history": histories}), tmp_path / "a", block=1)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["in.parquet"]


def test_several_histories_where_users_have_no_attributes(fruit_shop, tmp_path):
    """Each described user is told from the others, also those of whom no event counts."""
    plain = open_model(write_model(fruit_shop, tmp_path / "model"), fruit_shop.path)
    assert fruit_shop.nodes("user").columns == ["user_id"]
    first, *_, last = fruit_shop.nodes("product")["product_id"].to_list()
    histories = [[first], [first, last], ["no such product"], [last, last], [], None]
    frame = pl.DataFrame({"user_id": ["eve", "ann", "dan", None, "fay", "bob"], "query": ["apple"] * 6, "history": histories})
    found, summary = answer(plain, frame, tmp_path / "all", k=6)
    assert (summary.requests, summary.users_given, summary.users_known, summary.users_unknown) == (6, 4, 1, 1)
    assert summary.events_unknown == 1
    size = summary.rows // 6
    for place in range(6):
        alone, _ = answer(plain, frame[place : place + 1], tmp_path / f"{place}", k=6)
        together = found[place * size : (place + 1) * size]
        assert together.drop("score").equals(alone.drop("score"))
        assert (together["score"] - alone["score"]).abs().max() < 1e-5
    retriever = Retriever(plain)
    requests = [Request("apple", user, history) for user, history in zip(frame["user_id"], histories, strict=True)]
    results = retriever.search_many(requests, 6)
    assert results.user_known.tolist() == [True, True, False, True, False, True]
    assert [result.history_events for result in results] == [1, 2, 0, 2, None, None]
