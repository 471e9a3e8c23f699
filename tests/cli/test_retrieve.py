"""`gnn-search retrieve` end to end, and how it fails."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from models import write_model
from shops import build, write_tiny_shop

from gnn_search.cli.main import main
from gnn_search.index.filters import filter_products
from gnn_search.index.product_file import read_product_file
from gnn_search.retrieval.retriever import Retriever

REQUESTS = pl.DataFrame({"user_id": [3, None, 999], "query": ["Bread 0", "tea 0", "never asked"]})


def run(model, source, out, *arguments: object):
    return CliRunner().invoke(main, ["retrieve", str(model), "--input", str(source), "--out", str(out), *map(str, arguments)])


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "requests.csv"
    REQUESTS.write_csv(path)
    return path


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl", "out.csv.gz", "out.jsonl.zst"])
def test_every_format(tiny_model, source, tmp_path, name):
    result = run(tiny_model, source, tmp_path / name, "-k", 4)
    assert result.exit_code == 0, result.output
    read = pl.read_parquet if name.endswith("parquet") else pl.read_csv if ".csv" in name else pl.read_ndjson
    rows = read(tmp_path / name)
    assert rows.columns == ["user_id", "query", "rank", "product_id", "score"]
    assert rows["user_id"].to_list() == [3] * 4 + [None] * 4 + [999] * 4
    assert rows["query"].to_list() == ["Bread 0"] * 4 + ["tea 0"] * 4 + ["never asked"] * 4
    assert rows["rank"].to_list() == [1, 2, 3, 4] * 3


def test_the_summary_goes_to_stderr(tiny_model, source, tmp_path):
    result = run(tiny_model, source, tmp_path / "out.parquet", "-k", 4)
    assert result.stdout == ""
    assert "12 rows, 4 products for each of 3 requests" in result.stderr
    assert "users: 1 known, 1 unknown, 1 null" in result.stderr
    assert "queries: 2 known, 1 new" in result.stderr
    assert "nothing matches well: 1 of the requests" in result.stderr


def test_json_is_the_summary(tiny_model, source, tmp_path):
    result = run(tiny_model, source, tmp_path / "out.parquet", "-k", 4, "--json")
    assert json.loads(result.stdout) == {
        "out": str(tmp_path / "out.parquet"), "as_of": "2024-02-22T00:00:00", "k": 4, "min_score": None, "requests": 3, "rows": 12,
        "products_allowed": None, "products_unknown": 0,
        "requests_without_products": 0, "users_known": 1, "users_unknown": 1, "users_null": 1, "queries_known": 2, "queries_new": 1,
        "queries_without_words": 1, "queries_ill_matched": 1, "resumed": 0,
        "users_given": 0, "events_unknown": 0, "events_later": 0, "notes": [],
    }  # fmt: skip


def test_columns_that_are_not_read_are_named(tiny_model, tmp_path):
    (tmp_path / "in.csv").write_text("query,city\ntea,x\n", encoding="utf-8")
    result = run(tiny_model, tmp_path / "in.csv", tmp_path / "out.csv", "-k", 4, "--json")
    note = f"{tmp_path / 'in.csv'} has no column 'user_id', so all requests are answered without a user; its column 'city' is not read"
    assert (json.loads(result.stdout)["notes"], result.stderr.splitlines()[0]) == ([note], f"Note: {note}")


def test_lists_end_at_the_least_score(tiny_model, source, tmp_path):
    assert run(tiny_model, source, tmp_path / "whole.parquet", "-k", 40, "--channel", "vector").exit_code == 0
    whole = pl.read_parquet(tmp_path / "whole.parquet")
    least = float(whole.filter(pl.col("user_id") == 3)["score"][2])
    result = run(tiny_model, source, tmp_path / "cut.parquet", "-k", 40, "--channel", "vector", "--min-score", least)
    assert result.exit_code == 0, result.output
    assert pl.read_parquet(tmp_path / "cut.parquet").equals(whole.filter(pl.col("score") >= np.float32(least)))
    assert f"at most 40 products that score at least {least:.3f} for each of 3 requests" in result.stderr
    nothing = run(tiny_model, source, tmp_path / "nothing.parquet", "-k", 4, "--min-score", 2, "--json")
    assert pl.read_parquet(tmp_path / "nothing.parquet").height == 0
    summary = json.loads(nothing.stdout)
    assert (summary["rows"], summary["requests_without_products"], summary["min_score"]) == (0, 3, 2.0)


def test_each_channel(tiny_model, source, tmp_path):
    for channel in ("reranked", "vector", "graph"):
        result = run(tiny_model, source, tmp_path / f"{channel}.parquet", "-k", 40, "--channel", channel)
        assert result.exit_code == 0, result.output
    assert run(tiny_model, source, tmp_path / "usual.parquet", "-k", 40).exit_code == 0
    reranked, vector, graph, usual = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("reranked", "vector", "graph", "usual"))
    assert usual.equals(reranked)
    assert (reranked.height, vector.height) == (120, 120)
    assert 0 < graph.height < 120
    known = pl.col("user_id") == 3
    assert len({tuple(rows.filter(known)["product_id"].head(graph.filter(known).height)) for rows in (reranked, vector, graph)}) == 3


def test_an_unknown_user_gets_exactly_the_plain_result(tiny_model, tmp_path):
    pl.DataFrame({"user_id": [None, 999, 3], "query": ["bread 0"] * 3}).write_csv(tmp_path / "r.csv")
    assert run(tiny_model, tmp_path / "r.csv", tmp_path / "out.parquet", "-k", 40).exit_code == 0
    nobody, unknown, known = (rows.drop("user_id") for rows in pl.read_parquet(tmp_path / "out.parquet").partition_by("user_id"))
    assert unknown.equals(nobody)
    assert not known.equals(nobody)


def test_as_of_now(tiny_model, source, tmp_path):
    assert run(tiny_model, source, tmp_path / "then.parquet", "-k", 4).exit_code == 0
    assert run(tiny_model, source, tmp_path / "now.parquet", "-k", 4, "--as-of", "now").exit_code == 0
    assert not pl.read_parquet(tmp_path / "then.parquet").equals(pl.read_parquet(tmp_path / "now.parquet"))


def refused(result, message: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-k", 41], "k is 41, larger than the catalogue of 40 products; give at most 40"),
        (["-k", 0], "k is 0; give the number of products wanted, at least 1"),
        (
            ["--min-score", "purchase"],
            "the model has no threshold for any action, as it was not taught with loss.kind hinge; give a number",
        ),
        (["--as-of", "soon"], "the time 'soon' is no ISO 8601 date or time"),
    ],
)
def test_requests_that_cannot_be_answered(tiny_model, source, tmp_path, arguments, message):
    refused(run(tiny_model, source, tmp_path / "out.parquet", *arguments), message)
    assert [path.name for path in tmp_path.iterdir()] == ["requests.csv"]


def test_the_graph_channel_of_a_model_without_a_reranker(tiny_graph, source, tmp_path):
    model = write_model(tiny_graph, tmp_path / "model", reranker=False)
    refused(
        run(model, source, tmp_path / "out.csv", "--channel", "graph"), "has no reranker; train it with reranker.enabled, or use another"
    )
    assert run(model, source, tmp_path / "usual.csv", "-k", 4).exit_code == 0
    assert run(model, source, tmp_path / "vector.csv", "-k", 4, "--channel", "vector").exit_code == 0
    assert (tmp_path / "usual.csv").read_bytes() == (tmp_path / "vector.csv").read_bytes()


def test_a_missing_input_file(tiny_model, tmp_path):
    refused(run(tiny_model, tmp_path / "none.csv", tmp_path / "out.csv"), f"there is no file {tmp_path / 'none.csv'}")


def test_a_missing_query_column(tiny_model, tmp_path):
    (tmp_path / "r.csv").write_text("user_id,text\n1,tea\n")
    refused(run(tiny_model, tmp_path / "r.csv", tmp_path / "out.csv"), "r.csv lacks the column 'query'")


def test_a_blank_query(tiny_model, tmp_path):
    (tmp_path / "r.csv").write_text('user_id,query\n1,tea\n1,"  "\n')
    refused(run(tiny_model, tmp_path / "r.csv", tmp_path / "out.csv"), "the query of row 1 (counted from 0) is blank")


def test_an_unknown_suffix(tiny_model, source, tmp_path):
    refused(run(tiny_model, source, tmp_path / "out.xlsx"), "out.xlsx has no known suffix")


def test_an_output_file_that_exists(tiny_model, source, tmp_path):
    (tmp_path / "out.csv").write_text("kept")
    refused(run(tiny_model, source, tmp_path / "out.csv"), "out.csv already exists; give another --out")
    assert (tmp_path / "out.csv").read_text() == "kept"


def test_a_stopped_run_goes_on(tiny_model, source, tmp_path, monkeypatch):
    out, search_table, answered = tmp_path / "out.csv", Retriever.search_table, []
    monkeypatch.setattr("gnn_search.retrieval.retrieve.BLOCK_REQUESTS", 1)

    def interrupted(retriever, table, *arguments, **options):
        answered.append(table["query"][0])
        if len(answered) == 3:
            raise KeyboardInterrupt
        return search_table(retriever, table, *arguments, **options)

    monkeypatch.setattr(Retriever, "search_table", interrupted)
    assert run(tiny_model, source, out, "-k", 4).exit_code == 130
    refused(run(tiny_model, source, out, "-k", 4), "out.csv.unfinished holds the answers of a run that did not end; go on with --resume")
    refused(run(tiny_model, source, out, "-k", 5, "--resume"), "out.csv.unfinished was begun with another k (4, now 5); go on with")
    result = run(tiny_model, source, out, "-k", 4, "--resume")
    assert result.exit_code == 0, result.output
    assert "2 of the requests had been answered by the run that was gone on with" in result.stderr
    assert answered == ["Bread 0", "tea 0", "never asked", "never asked"]
    assert pl.read_csv(out)["user_id"].to_list() == [3] * 4 + [None] * 4 + [999] * 4


@pytest.mark.parametrize("channel", ["reranked", "vector", "lexical"])
def test_a_category_and_a_flag_leave_their_products(tiny_model, tiny_graph, source, tmp_path, channel):
    category = tiny_graph.nodes("category")["path"][int(np.asarray(tiny_graph.taxonomy.product_category)[0])]
    result = run(tiny_model, source, tmp_path / "out.parquet", "-k", 40, "--category", category, "--channel", channel)
    assert result.exit_code == 0, result.output
    found = set(pl.read_parquet(tmp_path / "out.parquet")["product_id"])
    own = filter_products(tiny_graph, categories=[category]).product
    wanted = set(tiny_graph.nodes("product")["product_id"].gather(own))
    assert found <= wanted if channel == "lexical" else found == wanted
    assert 0 < len(wanted) < 40
    result = run(tiny_model, source, tmp_path / "other.parquet", "--category", "no such place")
    assert (result.exit_code, "there is no category 'no such place'" in result.stderr) == (2, True)
    result = run(tiny_model, source, tmp_path / "other.parquet", "--flag", "in_stock")
    assert (result.exit_code, "the products have no column 'in_stock'" in result.stderr) == (2, True)


@pytest.mark.parametrize("channel", ["reranked", "vector", "lexical"])
def test_a_file_of_products_leaves_these(tiny_model, tiny_graph, source, tmp_path, channel):
    stocked = [f"P{number:03}" for number in range(0, 40, 3)]
    pl.DataFrame({"product_id": [*stocked, "P003", "new", "new", "newer", None], "shelf": 1}).write_csv(tmp_path / "stock.csv")
    asked = ("-k", 40, "--channel", channel, "--products", tmp_path / "stock.csv")
    result = run(tiny_model, source, tmp_path / "out.parquet", *asked, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["products_allowed"], summary["products_unknown"]) == (14, 2)
    found = set(pl.read_parquet(tmp_path / "out.parquet")["product_id"])
    assert found <= set(stocked) if channel == "lexical" else found == set(stocked)
    pl.DataFrame({"product_id": ["new"]}).write_csv(tmp_path / "stock.csv")
    result = run(tiny_model, source, tmp_path / "other.parquet", *asked)
    assert (result.exit_code, "stock.csv holds none of the 40 products of" in result.stderr) == (2, True)
    assert not (tmp_path / "other.parquet").exists()


def test_lists_that_a_filter_makes_shorter_are_told_as_such(tiny_model, source, tmp_path):
    pl.DataFrame({"product_id": ["P000", "P001", "P001"]}).write_ndjson(tmp_path / "two[1].jsonl")
    result = run(tiny_model, source, tmp_path / "out.parquet", "-k", 4, "--products", tmp_path / "two[1].jsonl")
    assert "6 rows, at most 4 products for each of 3 requests\n" in result.stderr
    assert "products that passed the filters: 2\n" in result.stderr
    lexical = ("-k", 4, "--products", tmp_path / "two[1].jsonl", "--channel", "lexical", "--json")
    none = json.loads(run(tiny_model, source, tmp_path / "a.parquet", *lexical).stdout)["requests_without_products"]
    assert none > 0
    result = run(tiny_model, source, tmp_path / "b.parquet", *lexical[:-1])
    assert f"for each of 3 requests; {none} got none\n" in result.stderr


@pytest.mark.parametrize("ids", [[1001.0, 7.0, None], ["1001", "007", "7"], [1001, 7, 7]])
def test_products_are_found_by_one_rule_whatever_the_type(ids, tmp_path):
    recipe = write_tiny_shop(tmp_path / "shop")
    for table in ("products", "events"):
        file = recipe.parent / f"{table}.parquet"
        pl.read_parquet(file).with_columns(pl.col("product_id").str.slice(1).cast(pl.Int64) + 1000).write_parquet(file)
    graph = build(recipe, tmp_path / "graph")
    pl.DataFrame({"product_id": ids}).write_parquet(tmp_path / "stock.parquet")
    file = read_product_file(tmp_path / "stock.parquet", [], graph)
    assert sorted(file.distinct.tolist()) == [-1] * (len(set(ids) - {None}) - 1) + [1]


def test_a_json_file_is_read_whole_before_its_types_are_known(tiny_graph, tmp_path):
    lines = [f'{{"product_id": {number}}}' for number in range(150)] + ['{"product_id": "P001", "rating": 2.5}']
    (tmp_path / "late.jsonl").write_text("\n".join(lines), encoding="utf-8")
    file = read_product_file(tmp_path / "late.jsonl", ["rating"], tiny_graph)
    assert file.node[-1] == 1
    assert file.rows["rating"][-1] == 2.5


@pytest.mark.parametrize("option", ["--index", "--boost", "--fusion"])
def test_a_file_in_the_place_of_a_folder(tiny_model, source, tmp_path, option):
    channel = "fused" if option == "--fusion" else "vector"
    result = run(tiny_model, source, tmp_path / "out.parquet", "--channel", channel, option, source)
    assert result.exit_code == 2
    assert "requests.csv is not a" in result.stderr
