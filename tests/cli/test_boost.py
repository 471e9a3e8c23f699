"""`gnn-search boost` end to end, and how it fails."""

from __future__ import annotations

import json

import polars as pl
import pytest
from click.testing import CliRunner

from gnn_search.cli.boost import verdict
from gnn_search.cli.main import main
from gnn_search.evaluation.boosting.fit import Gain
from gnn_search.index.boosting.boost import open_boost
from gnn_search.trained.model import open_model


def run(*arguments: object):
    return CliRunner().invoke(main, ["boost", *map(str, arguments)])


def quick(model, out, *arguments: object):
    return run(model, "--quality", "popularity", "--quality", "price", "--out", out, "-k", 5, "--trials", 30, *arguments)


def test_a_table_for_readers(tiny_model, tmp_path):
    result = quick(tiny_model, tmp_path / "out")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["dimension", "click", "purchase"] in lines
    assert [line[:2] for line in lines[1:5]] == [["popularity,", "high"], ["popularity,", "low"], ["price,", "high"], ["price,", "low"]]
    for action in ("click", "purchase"):
        for part in (["fitted"], ["other", "half"], ["later"]):
            assert any(line[: 1 + len(part)] == [action, *part] for line in lines)
        assert f"\n{action}: the " in result.stdout
    assert "Columns without a time: price; check that they were known before validation began." in result.stdout
    assert "recall@5 fitted as of 2024-02-14 00:00, qualities as of 2024-02-22 00:00 UTC" in result.stdout


def test_json_and_what_is_kept(tiny_model, tmp_path):
    pl.DataFrame({"product_id": ["P000", "P001"], "stars": [1, 5]}).write_csv(tmp_path / "stars.csv")
    arguments = ("--quality", "stars", "--columns", tmp_path / "stars.csv", "--metric", "ndcg", "--json")
    result = quick(tiny_model, tmp_path / "out", *arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["objective"] == "ndcg@5"
    assert report["timeless"] == ["price", "stars"]
    kept = json.loads((tmp_path / "out" / "boost.json").read_text(encoding="utf-8"))
    assert kept["fit"] == {key: value for key, value in report.items() if key != "out"}
    boost = open_boost(tmp_path / "out", open_model(tiny_model))
    assert {one["action"]: list(one["weights"].values()) for one in report["searches"]} == {
        action: weights.tolist() for action, weights in boost.weights.items()
    }
    assert [one.source for one in boost.qualities] == ["log", "products", "file"]


@pytest.mark.parametrize("maker", [("index", "--kind", "flat"), ("tune-index", "--kind", "fp16", "-k", 5)])
def test_an_index_made_with_a_boost_is_searched_with_it(maker, tiny_model, tmp_path):
    assert quick(tiny_model, tmp_path / "boost").exit_code == 0
    command, *options = map(str, maker)
    made = CliRunner().invoke(
        main, [command, str(tiny_model), *options, "--boost", str(tmp_path / "boost"), "--out", str(tmp_path / "index"), "--json"]
    )
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["dimension"] == 16 + 4
    asked = ["search", str(tiny_model), "bread 0", "--channel", "vector", "--action", "click", "--json", "--boost", str(tmp_path / "boost")]
    exact = CliRunner().invoke(main, asked)
    found = CliRunner().invoke(main, [*asked, "--index", str(tmp_path / "index")])
    assert (exact.exit_code, found.exit_code) == (0, 0), found.output
    first, second = ([row["product_id"] for row in json.loads(one.stdout)["hits"]] for one in (exact, found))
    assert first == second
    alone = CliRunner().invoke(main, ["search", str(tiny_model), "bread 0", "--channel", "vector", "--index", str(tmp_path / "index")])
    assert alone.exit_code == 2
    assert "holds boosted vectors; give the boost that it was made with" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--quality", "stars"), "have no numeric column 'stars'; there are ['price']"),
        (("--quality", "price"), "the quality 'price' is named more than once"),
        (("--quality", "stars", "--columns", "none.csv"), "there is no file none.csv"),
    ],
)
def test_bad_input_is_one_sentence(tiny_model, tmp_path, arguments, fault):
    result = quick(tiny_model, tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert fault in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_output_folder_that_exists(tiny_model, tmp_path):
    (tmp_path / "kept").touch()
    result = quick(tiny_model, tmp_path)
    assert result.exit_code == 2
    assert "already exists" in result.stderr


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.03, "the boost earns +0.0200 of 0.5000"), (-0.03, -0.01, "the boost costs +0.0200"), (-0.01, 0.03, "shows no gain")],
)
def test_the_verdict_goes_by_the_interval(low, high, words):
    numbers = {"plain": 0.5, "boosted": 0.52, "gain": 0.02, "low": low, "high": high}
    assert words in verdict(Gain(action="click", part="later", metric="recall", k=10, cases=9, users=9, **numbers))
