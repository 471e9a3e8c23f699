"""Requests keep the shop's own ids, and bad ones are named."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from models import write_model

from gnn_search.errors import RequestError, TableError
from gnn_search.requests.parser import RequestParser
from gnn_search.requests.request import RequestBatch
from gnn_search.requests.request_file import RequestFile
from gnn_search.trained.model import Model, open_model


def write(tmp_path, frame: pl.DataFrame, name: str = "r.parquet"):
    path = tmp_path / name
    {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[path.suffix[1:]](path)
    return path


def read(path, model: Model, size: int = 1000) -> list[RequestBatch]:
    file, parser = RequestFile(path, model.graph), RequestParser(model, model.graph.manifest.test_start)
    checked = file.check()
    return [parser.parse_table(table, ids_fit=checked.ids_fit) for table in file.blocks(checked, size)]


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return open_model(tiny_model)


@pytest.fixture(scope="module")
def fruit_model(fruit_shop, tmp_path_factory) -> Model:
    return open_model(write_model(fruit_shop, tmp_path_factory.mktemp("fruit") / "model", vectors=False))


def node_of(model: Model, user_id: int) -> int:
    return model.graph.nodes("user")["user_id"].to_list().index(user_id)


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r.jsonl"])
def test_ids_and_queries_of_any_format(model, tmp_path, name):
    path = write(tmp_path, pl.DataFrame({"query": ["Bread  0", "ＴＥＡ"], "other": [1, 2], "user_id": [3, None]}), name)
    (requests,) = read(path, model)
    assert requests.user.tolist() == [node_of(model, 3), -1]
    assert requests.text.to_list() == ["bread 0", "tea"]
    assert requests.given.equals(pl.DataFrame({"user_id": [3, None], "query": ["Bread  0", "ＴＥＡ"]}))


@pytest.mark.parametrize("frame", [pl.DataFrame({"query": ["tea"]}), pl.DataFrame({"user_id": [None], "query": ["tea"]})])
def test_without_any_user(model, tmp_path, frame):
    (requests,) = read(write(tmp_path, frame), model)
    assert requests.user.tolist() == [-1]
    assert requests.given["user_id"].to_list() == [None]
    assert requests.given.schema["user_id"] == pl.Int64


@pytest.mark.parametrize(
    ("given", "known", "ids"),
    [
        (pl.Series([1, 99, None]), [True, False, False], [1, 99, None]),
        (pl.Series([1], dtype=pl.UInt8), [True], [1]),
        (pl.Series(["1", "", None, "99"]), [True, False, False, False], [1, None, None, 99]),
        (pl.Series(["1", "01", " 1", "x"]), [True, False, False, False], ["1", "01", " 1", "x"]),
        (pl.Series([1.0, None]), [True, False], [1, None]),
        (pl.Series([1.0, 1.5]), [True, False], [1.0, 1.5]),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), [False], [2**64 - 1]),
        (pl.Series(["1", "1"], dtype=pl.Categorical), [True, True], [1, 1]),
    ],
)
def test_users_of_a_shop_with_integer_ids(model, tmp_path, given, known, ids):
    (requests,) = read(write(tmp_path, given.to_frame("user_id").with_columns(query=pl.lit("tea"))), model)
    assert requests.user.tolist() == [node_of(model, 1) if one else -1 for one in known]
    assert requests.given["user_id"].to_list() == ids


@pytest.mark.parametrize(
    ("given", "ids"), [(pl.Series(["ann", "x"]), ["ann", "x"]), (pl.Series([1.0, 7.0]), ["1", "7"]), (pl.Series([7]), ["7"])]
)
def test_users_of_a_shop_with_text_ids(fruit_model, tmp_path, given, ids):
    (requests,) = read(write(tmp_path, given.to_frame("user_id").with_columns(query=pl.lit("tea"))), fruit_model)
    assert requests.user.tolist() == [node_of(fruit_model, one) if one == "ann" else -1 for one in ids]
    assert requests.given["user_id"].to_list() == ids


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("user", "user_id"),
        ("users", "user_id"),
        ("userid", "user_id"),
        ("userId", "user_id"),
        ("User ID", "user_id"),
        ("user-id", "user_id"),
        ("user_ids", "user_id"),
        ("histroy", "history"),
        ("History", "history"),
        ("histories", "history"),
        ("user_history", "history"),
        ("history_ids", "history"),
    ],
)
def test_a_misspelt_column_is_refused(tiny_graph, tmp_path, column, meant):
    path = write(tmp_path, pl.DataFrame({"query": ["tea"], column: ["1"]}))
    with pytest.raises(TableError) as error:
        RequestFile(path, tiny_graph)
    assert str(error.value) == f"{path} has a column '{column}' but no '{meant}'; rename it to '{meant}', or leave it out"


@pytest.mark.parametrize("column", ["city", "user_id_hash_of_the_old_system", "category", "user_agent"])
def test_other_columns_are_passed_over(model, tmp_path, column):
    (requests,) = read(write(tmp_path, pl.DataFrame({"query": ["tea"], column: ["1"]})), model)
    assert requests.user.tolist() == [-1]


@pytest.mark.parametrize("column", ["attributes", "session"])
def test_a_column_that_only_programs_may_give_is_refused(model, tmp_path, column):
    with pytest.raises(TableError, match=f"has a column '{column}', which is not read from files; leave it out"):
        read(write(tmp_path, pl.DataFrame({"query": ["tea"], column: ["1"]})), model)


def test_a_file_without_users_says_which_columns_are_not_read(tiny_graph, tmp_path):
    path = write(tmp_path, pl.DataFrame({"query": ["tea"], "city": ["x"], "day": [1]}))
    said = f"{path} has no column 'user_id', so all requests are answered without a user; its columns 'city', 'day' are not read"
    assert RequestFile(path, tiny_graph).notes == (said,)
    assert RequestFile(write(tmp_path, pl.DataFrame({"query": ["tea"]})), tiny_graph).notes == ()
    assert RequestFile(write(tmp_path, pl.DataFrame({"query": ["tea"], "user_id": [1], "city": ["x"]})), tiny_graph).notes == ()


def test_a_column_like_one_that_is_there_is_passed_over(model, tmp_path):
    (requests,) = read(write(tmp_path, pl.DataFrame({"query": ["tea"], "user": ["x"], "user_id": ["1"]})), model)
    assert requests.user.tolist() == [node_of(model, 1)]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"user_id": [1]}), "lacks the column 'query'; give each request one"),
        (pl.DataFrame({"text": ["tea"]}), "lacks the column 'query'"),
        (pl.DataFrame({"query": [1]}), "column 'query' of .*: expected text, got Int64"),
        (pl.DataFrame({"query": ["tea"], "user_id": [True]}), "column 'user_id' of .*: expected ids, integers or text, got Boolean"),
        (pl.DataFrame(schema={"query": pl.String}), "holds no rows; give at least one request"),
    ],
)
def test_tables_that_cannot_be_used(model, tmp_path, frame, message):
    with pytest.raises(TableError, match=message):
        read(write(tmp_path, frame), model)


def test_an_empty_file(model, tmp_path):
    (tmp_path / "r.csv").touch()
    with pytest.raises(TableError, match="holds no rows"):
        read(tmp_path / "r.csv", model)


@pytest.mark.parametrize(
    ("queries", "message"), [(["tea", " \t"], r"row 1 \(counted from 0\) is blank; 1 of 2"), ([None], "row 0 .* is null")]
)
def test_blank_queries(model, tmp_path, queries, message):
    with pytest.raises(RequestError, match=message):
        read(write(tmp_path, pl.DataFrame({"query": queries}, schema={"query": pl.String})), model)


@pytest.mark.parametrize("name", ["r.parquet", "r.csv", "r.jsonl"])
def test_blocks_hold_the_same_as_one(model, tmp_path, name):
    """One id that the graph's type can't hold decides for the whole file, wherever it stands."""
    frame = pl.DataFrame({"user_id": ["1", "3", None, "", "x"], "query": ["a", "b", "A", "c", "d"]})
    path = write(tmp_path, frame, name)
    (whole,) = read(path, model)
    assert whole.given["user_id"].to_list() == ["1", "3", None, None, "x"]
    blocks = read(path, model, 2)
    assert [len(block) for block in blocks] == [2, 2, 1]
    assert pl.concat(block.given for block in blocks).equals(whole.given)
    assert pl.concat(block.text for block in blocks).equals(whole.text)
    assert np.array_equal(np.concatenate([block.user for block in blocks]), whole.user)
    file = RequestFile(path, model.graph)
    assert [len(block) for block in file.blocks(file.check(), 2, start=3)] == [2]


def test_a_blank_query_far_down(tiny_graph, tmp_path):
    path = write(tmp_path, pl.DataFrame({"query": ["a", "b", "c", " ", "d", None]}))
    seen: list[int] = []
    with pytest.raises(RequestError, match=r"the query of row 3 \(counted from 0\) is blank; 2 of 6 rows are, leave them out"):
        RequestFile(path, tiny_graph).check(seen.append, size=2)
    assert seen == [2, 4, 6]


def test_a_file_that_grows_while_it_is_answered(tiny_graph, tmp_path):
    path = write(tmp_path, pl.DataFrame({"query": ["a", "b"]}), "r.csv")
    file = RequestFile(path, tiny_graph)
    checked = file.check()
    path.write_text(path.read_text() + "c\n")
    with pytest.raises(TableError, match=r"r.csv had 2 rows and now has 3; leave it as it is while it is answered"):
        list(file.blocks(checked, 10))
