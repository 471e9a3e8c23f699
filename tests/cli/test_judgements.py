"""The commands on shops without users: one with judgements alone, one with both, one with anonymous events alone."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner, Result
from judgement_shops import write_judgement_shop
from shops import write_recipe
from towers import tiny_settings

from gnn_search.cli.main import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def succeed(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def anonymous_shop(folder: Path) -> Path:
    write_judgement_shop(folder, events=True)
    split = {"by": "time", "validation": datetime(2024, 1, 21), "test": datetime(2024, 1, 26)}
    return write_recipe(folder, {"products": {"category_path": "path"}, "events": {"user_id": None}}, split)


SHOPS = {
    "judgements": write_judgement_shop,
    "both": lambda folder: write_judgement_shop(folder, events=True),
    "events": anonymous_shop,
}


@pytest.fixture(scope="module", params=SHOPS)
def shop(request, tmp_path_factory) -> tuple[str, Path]:
    """A kind of shop, and a folder with its graph and a trained model."""
    folder = tmp_path_factory.mktemp(request.param)
    recipe = SHOPS[request.param](folder / "shop")
    succeed("build-graph", recipe, "--data", recipe.parent, "--out", folder / "graph")
    config = folder / "tiny.yaml"
    negatives = [{"kind": "in_batch"}, {"kind": "taxonomy", "count": 1}, {"kind": "bm25", "depth": 5}]
    negatives += [{"kind": "low_grade"}] if request.param != "events" else []
    config.write_text(yaml.safe_dump(tiny_settings(loop={"epochs": 3}, negatives=negatives, augmentation={"held_out_queries": 0})))
    succeed("train", config, "--graph", folder / "graph", "--out", folder / "model", "--threads", 1)
    succeed("evaluate", folder / "model", "--resamples", 20, "--out", folder / "run")
    return request.param, folder


def test_a_search_finds_what_the_query_names(shop):
    _, folder = shop
    hits = json.loads(succeed("search", folder / "model", "white hammer", "--json").stdout)["hits"]
    assert hits
    assert len({hit["product_id"] for hit in hits}) == len(hits)
    with_history = succeed("search", folder / "model", "hammer", "--history", "red-hammer,red-lamp", "--json")
    assert json.loads(with_history.stdout)["history_events"] == 2


def test_requests_are_answered(shop, tmp_path):
    _, folder = shop
    pl.DataFrame({"query": ["red drill", "zzz"], "user_id": [None, "7"]}).write_parquet(tmp_path / "requests.parquet")
    succeed("retrieve", folder / "model", "--input", tmp_path / "requests.parquet", "--out", tmp_path / "out.parquet", "-k", 5)
    assert pl.read_parquet(tmp_path / "out.parquet").height == 10


def test_the_evaluation_holds_judged_queries(shop):
    name, folder = shop
    found = json.loads((folder / "run" / "evaluation.json").read_text())
    if name == "events":
        assert found["judgements"] is found["pool"] is None
        assert not (folder / "run" / "judgements").exists()
        return
    for part in ("judgements", "pool"):
        assert found[part]["cases"] == 5
        assert found[part]["methods"] == found["methods"]
        assert found[part]["candidates"] == 20
        assert {("ndcg:graded", 10), ("recall", 10), ("mrr", 10)} <= {(one["metric"], one["k"]) for one in found[part]["scores"]}
        inside = json.loads((folder / "run" / part / "evaluation.json").read_text())
        assert inside == found[part]
    # The vectors rank every product, so each judged one has a place among the ten first of its pool of at most four.
    full = [one["mean"] for one in found["pool"]["scores"] if (one["method"], one["metric"]) == ("gnn-search, vectors", "recall")]
    assert full == [1.0]
    if name == "judgements":
        means = {(one["method"], one["metric"], one["k"]): one["mean"] for one in found["judgements"]["scores"]}
        as_cases = {
            (one["method"], one["metric"], one["k"]): one["mean"]
            for one in found["scores"]
            if one["slice"] == "all" and one["metric"] in ("recall", "mrr", "hit_rate", "map")
        }
        assert as_cases
        assert {key: means[key] for key in as_cases} == pytest.approx(as_cases)


def test_tables_comparison_and_report_show_them(shop, tmp_path):
    name, folder = shop
    words = " ".join(succeed("evaluate", folder / "model", "--resamples", 20, "--baselines", "bm25").stdout.split())
    shown = ("5 judged queries over the whole catalogue", "5 judged queries over the products judged for each")
    assert all((text in words) == (name != "events") for text in shown)
    compared = succeed("compare", folder / "run", "--method", "gnn-search", "--method", "bm25", "--json", "--resamples", 20)
    found = json.loads(compared.stdout)
    evaluation = json.loads((folder / "run" / "evaluation.json").read_text())
    for part in ("judgements", "pool"):
        assert (found[part] is None) == (name == "events")
        if found[part] is None:
            continue
        scores = {(one["method"], one["metric"], one["k"]): one["mean"] for one in evaluation[part]["scores"]}
        marks = {"a": "gnn-search", "b": "bm25"}
        again = {(marks[one["method"]], one["metric"], one["k"]): one["mean"] for one in found[part]["scores"]}
        assert again
        assert {key: scores[key] for key in again} == pytest.approx(again)
    page = " ".join(succeed("compare", folder / "run", "--method", "gnn-search", "--method", "bm25", "--resamples", 20).stdout.split())
    assert ("5 judged queries on the products judged for each" in page) == (name != "events")
    pytest.importorskip("matplotlib", reason="a page needs the extra 'report'")
    succeed("report", folder / "run", "--out", tmp_path / "page.html")
    assert ("On judged queries" in (tmp_path / "page.html").read_text()) == (name != "events")


def test_the_graph_is_described_and_free_of_faults(shop):
    _, folder = shop
    assert json.loads(succeed("inspect", folder / "graph", "--json").stdout)["num_nodes"]["user"] == 0
    found = json.loads(succeed("audit", folder / "graph", folder / "model", "--json").stdout)
    assert [one for one in found["findings"] if one["severity"] == "error"] == []


def test_low_grades_are_drawn_and_explained(shop):
    name, folder = shop
    result = run("negatives", folder / "model", "--query", "blue drill", "--kind", "low_grade")
    if name == "events":
        assert result.exit_code == 2
        assert "need judgements" in result.stderr
        return
    assert result.exit_code == 0, result.output
    assert "of the 1 judged and not relevant" in " ".join(result.stdout.split())
    assert "red hammer" in result.stdout


def test_vectors_index_and_export(shop, tmp_path):
    _, folder = shop
    succeed("index", folder / "model", "--kind", "flat", "--out", tmp_path / "index")
    succeed("export", folder / "model", "--out", tmp_path / "export", "--format", "parquet")
    assert succeed("explain", folder / "model", "--query", "red drill", "--product", "red-drill").stdout
