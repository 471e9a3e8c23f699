"""A search shows products with what their user chose of them before."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from gnn_search.requests.request import Request
from gnn_search.retrieval.past_interactions import PastInteractions, past_interactions
from gnn_search.retrieval.results import SearchResult
from gnn_search.retrieval.retriever import Retriever
from gnn_search.trained.model import open_model


@pytest.fixture(scope="module")
def retriever(tiny_model) -> Retriever:
    return Retriever(open_model(tiny_model))


def search(retriever: Retriever, *requests: Request, k: int = 10) -> tuple[SearchResult, PastInteractions]:
    """Search for some requests, and look up the past of the last one's user."""
    found = retriever.search_many(requests, k)
    last = len(requests) - 1
    return found[last], past_interactions(retriever, found.batch, last, [hit.product_id for hit in found[last]])


def interactions(graph, user_id: int) -> pl.DataFrame:
    """Return what a user chose before the test period, by a plain filter of the examples."""
    node = graph.nodes("user")["user_id"].index_of(user_id)
    events = pl.concat([graph.examples("train"), graph.examples("validation")]).filter(pl.col("user") == node)
    products = graph.nodes("product").with_row_index("node")
    named = events.join(products.with_columns(pl.col("node").cast(pl.Int32)), left_on="product", right_on="node")
    last = pl.col("time").max().cast(pl.Datetime("us"))
    return named.group_by("product_id").agg(times=pl.len(), last=last, category=pl.first("category"))


def test_every_product_with_what_the_user_chose(retriever, tiny_graph):
    expected = {row["product_id"]: row for row in interactions(tiny_graph, 3).iter_rows(named=True)}
    assert expected
    result, past = search(retriever, Request("tea 0", 5), Request(" Bread  0", "3"), k=40)
    assert (result.query, result.query_known, result.user_known, result.notes) == ("bread 0", True, True, ())
    assert len(past.hits) == 40
    for hit, before in zip(result, past.hits, strict=True):
        wanted = expected.get(hit.product_id)
        if wanted is None:
            assert before is None
        else:
            assert (before.product_id, before.title, before.category) == (hit.product_id, hit.title, hit.category)
            assert (before.times, before.last) == (wanted["times"], wanted["last"])
    assert past.num_products == len(expected)
    last = [one.last for one in past.products]
    assert last == sorted((row["last"] for row in expected.values()), reverse=True)[: len(last)]
    assert len(last) == min(8, len(expected))


def test_only_the_categories_of_the_hits_are_shown(retriever, tiny_graph):
    result, past = search(retriever, Request("bread 0", 3), k=2)
    shown = {hit.category for hit in result}
    paths = tiny_graph.nodes("category")["path"]
    expected = {row["product_id"] for row in interactions(tiny_graph, 3).iter_rows(named=True) if paths[row["category"]] in shown}
    assert {one.product_id for one in past.products} == expected
    assert {one.category for one in past.products} <= shown


@pytest.mark.parametrize("user_id", [None, 999])
def test_without_a_known_user_nothing_of_anyone_is_shown(retriever, user_id):
    result, past = search(retriever, Request("bread 0", user_id))
    assert len(result) == 10
    assert past == PastInteractions(hits=[None] * 10, products=[], num_products=0)


def test_a_history_that_is_given_is_the_past(retriever):
    history = [{"product_id": "P008", "timestamp": "2024-02-01"}, {"product_id": "P008", "timestamp": "2024-02-03"}]
    _, past = search(retriever, Request("bread 0", history=["P001"]), Request("bread 0", 3, history=history), k=40)
    assert [one.product_id for one in past.products] == ["P008"]
    (before,) = [one for one in past.hits if one is not None]
    assert (before.product_id, before.times, before.last) == ("P008", 2, datetime(2024, 2, 3))


@pytest.mark.parametrize("user_id", ["999", 999, "ann", "03", "\ud800"])
def test_an_unknown_user_gets_the_plain_result_and_a_note(retriever, user_id):
    plain, result = retriever.search("bread 0"), retriever.search("bread 0", user_id)
    (note,) = result.notes
    assert note.startswith("there is no user")
    assert note.endswith("so the result is plain")
    assert result.hits == plain.hits
    assert not result.user_known


def test_a_user_of_whom_nothing_is_known_yet(tiny_model, tiny_graph):
    # The last user stands in no table but the events', and nothing had happened at the first one's time.
    retriever, user_id = Retriever(open_model(tiny_model), as_of=tiny_graph.manifest.time_first), tiny_graph.nodes("user")["user_id"].max()
    assert retriever.search("bread 0", user_id).notes == (f"nothing was known of user '{user_id}' yet, so the result is plain",)


def test_a_query_without_a_known_word(retriever):
    assert retriever.search("🍞").notes == ("no word of this query is known to the log or the catalogue, so the list means nothing",)
    assert retriever.search("🍞", 3).notes == ("no word of this query is known to the log or the catalogue, so only the user counts",)
    # A history of which nothing is left leaves nothing to count by; an attribute does.
    assert retriever.search("🍞", history=["gone"]).notes[0] == retriever.search("🍞").notes[0]
    assert retriever.search("🍞", attributes={"city": "Köln"}).notes == retriever.search("🍞", 3).notes
    assert retriever.search("🍞", history=["P001"]).notes == retriever.search("🍞", 3).notes
