"""Results of a batch as objects, as rows in the order of the requests, as JSON and as counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from gnn_search.requests.request import RequestBatch
from gnn_search.retrieval.query_readings import QueryReadings
from gnn_search.retrieval.ranking import Ranking
from gnn_search.retrieval.results import COLUMNS, Hit, RequestCounts, SearchResults, describe_products
from gnn_search.trained.model import open_model

AS_OF = datetime(2024, 2, 22)
RANKING = Ranking(np.array([[2, 0], [1, -1], [-1, -1]], np.int32), np.array([[0.75, 0.5], [0.25, -np.inf], [-np.inf] * 2], np.float32))


def ints(values: Sequence[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@pytest.fixture
def results() -> SearchResults:
    """Five requests: of a known user, of nobody, of a described one, of one whom the graph does not hold, of one not known yet."""
    batch = RequestBatch(
        given=pl.DataFrame({"user_id": [7, None, 8, 9, 5], "query": ["Tea", "b", "Tea", "🍞", "b"]}),
        text=pl.Series(["tea", "b", "tea", "🍞", "b"]),
        user=ints([0, -1, -1, -1, 1]).astype(np.int32),
        inductive_user=ints([-1, -1, 0, -1, -1]).astype(np.int32),
        inductive_users=None,
        history_events=ints([0, 0, 5, 0, 0]),
        unknown_events=ints([0, 0, 2, 0, 0]),
        later_events=ints([0, 0, 1, 0, 0]),
    )
    products = pl.DataFrame({"product_id": ["p", "q", "é"], "title": ["P", "Q", "É"], "category": ["a", "", "a > b"]})
    known, user_known = np.array([True, False, True, False, False]), np.array([True, False, True, False, False])
    understood = np.array([True, True, True, False, True])
    read_as = [(), ("tea", "black tea"), (), (), ()]
    confidence = np.array([1, 0.75, 1, 0.125, 0.5], dtype=np.float32)
    queries = QueryReadings(known, understood, read_as, confidence, 0.5)
    return SearchResults(batch, RANKING, ints([0, 1, 0, 2, 1]), queries, user_known, products, AS_OF, ("of all",))


def test_rows(results):
    rows = results.rows()
    assert tuple(rows.columns) == COLUMNS
    assert rows["user_id"].to_list() == [7, 7, None, 8, 8, 5]
    assert rows["query"].to_list() == ["Tea", "Tea", "b", "Tea", "Tea", "b"]
    assert rows["rank"].to_list() == [1, 2, 1, 1, 2, 1]
    assert rows["product_id"].to_list() == ["é", "p", "q", "é", "p", "q"]
    assert rows["score"].to_list() == [0.75, 0.5, 0.25, 0.75, 0.5, 0.25]
    assert (rows.schema["rank"], rows.schema["score"]) == (pl.Int32, pl.Float32)


def test_ranks_of_fused_channels_become_columns(results):
    ranks = {"vector": np.array([[3, 0], [1, 0], [0, 0]], np.int32), "lexical": np.array([[0, 1], [2, 0], [0, 0]], np.int32)}
    fused = Ranking(RANKING.product, RANKING.score, ranks)
    rows = SearchResults(**{**vars(results), "ranking": fused}).rows()
    assert rows.columns == [*COLUMNS, "vector_rank", "lexical_rank"]
    assert rows["vector_rank"].to_list() == [3, None, 1, 3, None, 1]
    assert rows["lexical_rank"].to_list() == [None, 1, 2, None, 1, 2]


def test_results_as_objects(results):
    first = results[0]
    assert first.hits == (Hit(1, "é", "É", "a > b", 0.75), Hit(2, "p", "P", "a", 0.5))
    assert (len(first), first[0], first[1:], list(first)) == (2, first.hits[0], first.hits[1:], list(first.hits))
    assert (first.query, first.query_known, first.user_id, first.user_known) == ("tea", True, 7, True)
    assert first.as_of == datetime(2024, 2, 22)
    assert (first.history_events, first.unknown_events, first.later_events) == (None, 0, 0)
    described = results[2]
    assert described.hits == first.hits
    assert (described.user_id, described.user_known) == (8, True)
    assert (described.history_events, described.unknown_events, described.later_events) == (2, 2, 1)
    assert results[3].hits == ()
    assert len(results) == 5
    assert results[1:3] == [results[1], results[2]]
    assert list(results) == [results[place] for place in range(5)]


def test_notes_say_what_does_not_count(results):
    assert results[0].notes == ("of all",)
    assert results[1].notes == ("of all",)
    assert results[2].notes == (
        "2 of 5 events of the history are of products that are not in the graph",
        "1 of 5 events of the history are not before 2024-02-22 00:00 UTC, as of which is searched",
        "of all",
    )
    assert results[3].notes == (
        "no word of this query is known to the log or the catalogue, so the list means nothing",
        "there is no user '9' in the graph, so the result is plain",
        "of all",
    )
    assert results[4].notes == ("nothing was known of user '5' yet, so the result is plain", "of all")


def test_json_holds_everything(results):
    content = json.loads(json.dumps(results[2].to_json()))
    assert content["hits"][1] == {"rank": 2, "product_id": "p", "title": "P", "category": "a", "score": 0.5}
    assert content["as_of"] == "2024-02-22T00:00:00"
    names = ("query", "query_known", "user_id", "user_known", "history_events", "unknown_events", "later_events")
    assert [content[name] for name in names] == ["tea", True, 8, True, 2, 2, 1]
    assert len(content["notes"]) == 3
    assert [content[name] for name in ("read_as", "confidence", "matches")] == [[], 1.0, True]
    content = json.loads(json.dumps(results[1].to_json()))
    assert [content[name] for name in ("read_as", "confidence", "matches")] == [["tea", "black tea"], 0.75, True]
    assert (results[3].confidence, results[3].matches, results[4].matches) == (0.125, False, True)


def test_counts(results):
    counts = RequestCounts(
        requests=5,
        rows=6,
        requests_without_products=1,
        users_known=1,
        users_unknown=2,
        users_null=1,
        users_given=1,
        events_unknown=2,
        events_later=1,
        queries_known=2,
        queries_new=3,
        queries_without_words=1,
        queries_ill_matched=1,
    )
    assert results.counts() == counts
    twice = counts + counts
    assert (twice.requests, twice.rows, twice.users_unknown) == (10, 12, 4)
    assert RequestCounts() + counts == counts


def test_products_and_others_behind_them(tiny_model):
    model = open_model(tiny_model)
    products, paths = model.graph.nodes("product"), model.graph.nodes("category")["path"]
    found = describe_products(model, pl.concat([products["product_id"], pl.Series("product_id", ["N1"])]))
    assert found["product_id"].to_list() == [*products["product_id"], "N1"]
    assert found["title"].to_list() == [*products["title"], ""]
    assert found["category"].to_list() == [*paths.gather(products["category"]), ""]
    assert found["category_node"].to_list() == [*products["category"], None]
