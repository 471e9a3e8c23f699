"""A search shows the products with their past beside them."""

from __future__ import annotations

import polars as pl
import pytest
from gnn_search.retrieval.search import Searcher

from gnn_search.errors import RequestError
from gnn_search.trained.model import open_model


@pytest.fixture(scope="module")
def searcher(tiny_model) -> Searcher:
    return Searcher(open_model(tiny_model))


def choices(graph, user_id: int) -> pl.DataFrame:
    """Return what a shopper chose before the test period, by a plain filter of the examples."""
    node = graph.nodes("user")["user_id"].index_of(user_id)
    events = pl.concat([graph.examples("train"), graph.examples("validation")]).filter(pl.col("user") == node)
    products = graph.nodes("product").with_row_index("node")
    named = events.join(products.with_columns(pl.col("node").cast(pl.Int32)), left_on="product", right_on="node")
    last = pl.col("time").max().cast(pl.Datetime("us"))
    return named.group_by("product_id").agg(times=pl.len(), last=last, category=pl.first("category"))


def test_every_product_with_what_the_shopper_chose(searcher, tiny_graph):
    expected = {row["product_id"]: row for row in choices(tiny_graph, 3).iter_rows(named=True)}
    assert expected
    result = searcher.search(" Bread  0", "3", 40)
    assert (result.query, result.query_known, result.user_known, result.note) == ("bread 0", True, True, None)
    assert [hit.rank for hit in result.hits] == list(range(1, 41))
    products = {row["product_id"]: row for row in tiny_graph.nodes("product").iter_rows(named=True)}
    paths = tiny_graph.nodes("category")["path"]
    for hit in result.hits:
        past = expected.get(hit.product_id)
        assert (hit.times_chosen, hit.last_chosen) == ((past["times"], past["last"]) if past else (0, None))
        assert hit.title == products[hit.product_id]["title"]
        assert hit.category == paths[products[hit.product_id]["category"]]
    assert result.remembered_products == len(expected)
    last = [one.last_chosen for one in result.remembered]
    assert last == sorted((row["last"] for row in expected.values()), reverse=True)[: len(last)]


def test_only_the_categories_shown_are_remembered(searcher, tiny_graph):
    result = searcher.search("bread 0", 3, 2)
    shown = {hit.category for hit in result.hits}
    paths = tiny_graph.nodes("category")["path"]
    expected = {row["product_id"] for row in choices(tiny_graph, 3).iter_rows(named=True) if paths[row["category"]] in shown}
    assert {one.product_id for one in result.remembered} == expected
    assert {one.category for one in result.remembered} <= shown


def test_without_a_user_nothing_of_anyone_is_shown(searcher):
    result = searcher.search("bread 0")
    assert len(result.hits) == 10
    assert (result.user_id, result.user_known, result.remembered, result.note) == (None, False, [], None)
    assert not any(hit.times_chosen for hit in result.hits)


@pytest.mark.parametrize("user", ["999", 999, "ann", "03", "\ud800"])
def test_an_unknown_user_gets_the_plain_result_and_a_note(searcher, user):
    plain, result = searcher.search("bread 0"), searcher.search("bread 0", user)
    assert result.note is not None
    assert result.note.startswith("there is no user")
    assert result.note.endswith("so the results are plain")
    assert result.hits == plain.hits


def test_a_user_of_whom_nothing_is_known_yet(tiny_model, tiny_graph):
    # The last user stands in no table but the events', and nothing had happened at the first one's time.
    result = Searcher(open_model(tiny_model), tiny_graph.manifest.time_first).search("bread 0", tiny_graph.nodes("user")["user_id"].max())
    assert result.note == f"nothing was known of user '{result.user_id}' yet, so the results are plain"


def test_a_query_without_a_known_word(searcher):
    assert searcher.search("🍞").note == "no part of any word of this query is known, so all products score 0"
    assert searcher.search("🍞", 3).note == "no part of any word of this query is known, so the user alone counts"


@pytest.mark.parametrize("text", ["", " \t"])
def test_a_blank_query(searcher, text):
    with pytest.raises(RequestError, match="is blank; give at least one word"):
        searcher.search(text)


def test_k_larger_than_the_catalogue(searcher):
    with pytest.raises(RequestError, match="larger than the catalogue of 40 products"):
        searcher.search("tea", k=41)
