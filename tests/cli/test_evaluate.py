"""`gnn-search evaluate` end to end: the model beside the baselines, and how it fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from models import write_model
from shops import build, write_tiny_shop

from gnn_search.cli.main import main
from gnn_search.config.recipe import Recipe
from gnn_search.evaluation.run_folder import RunFolder
from gnn_search.graph.build import build_graph
from gnn_search.graph.cases import build_cases
from gnn_search.layout import ModelLayout


def run(model: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", str(model), "--resamples", "20", "--threads", "1", *map(str, arguments)])


@pytest.fixture(scope="module")
def report(tiny_model) -> dict:
    result = run(tiny_model, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_model_stands_beside_the_baselines(report, tiny_graph):
    assert report["methods"][:4] == ["gnn-search", "gnn-search, vectors", "gnn-search, graph", "gnn-search, no user"]
    assert len(report["methods"]) >= 7
    assert len(set(report["methods"])) == len(report["methods"])
    assert report["reference"] == "gnn-search"
    assert report["cases"] == len(build_cases(tiny_graph, "test"))
    assert report["candidates"] == 40
    # A hundred places in a catalogue of forty are forty.
    assert report["k"] == [10, 40]
    scores = {(score["method"], score["slice"], score["metric"], score["k"]): score for score in report["scores"]}
    everything = [scores[method, report["slices"][0], "recall", 40]["mean"] for method in report["methods"][:2]]
    assert everything == [1.0, 1.0]
    assert {difference["method"] for difference in report["differences"]} == set(report["methods"][1:])


def test_every_measure_that_the_shop_allows_is_there(report):
    found = {score["metric"] for score in report["scores"]}
    relevance = {"recall", "precision", "ndcg", "mrr", "map", "hit_rate", "ndcg:graded", "recall:click", "recall:purchase"}
    assert found == relevance | {"diversity", "novelty", "repeat_share"}
    assert {one["method"] for one in report["coverage"]} == set(report["methods"])
    tested = [difference for difference in report["differences"] if difference["p_value"] is not None]
    assert {difference["slice"] for difference in tested if difference["metric"] != "recall"} == {"all"}
    assert {difference["slice"] for difference in tested} == set(report["slices"])
    assert all(difference["p_value"] <= difference["p_adjusted"] <= 1 for difference in tested)


def test_the_table_holds_every_method(tiny_model, report):
    result = run(tiny_model, "--cases", 20)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert all(method in result.stdout for method in report["methods"])


def test_a_sample_is_the_same_each_time_and_another_seed_takes_another(tiny_model):
    def scores(*arguments: object) -> list:
        return json.loads(run(tiny_model, "--cases", 12, "--json", *arguments).stdout)["scores"]

    assert scores() == scores()
    assert scores() != scores("--seed", 1)


def test_the_validation_period_is_scored_as_it_was_seen(tiny_model, tiny_graph, report):
    found = json.loads(run(tiny_model, "--split", "validation", "--json").stdout)
    assert found["time"] == tiny_graph.manifest.validation_start
    assert found["cases"] == len(build_cases(tiny_graph, "validation"))
    assert report["time"] == tiny_graph.manifest.test_start


def test_precision_and_recall_at_a_threshold(tiny_model, report):
    assert report["threshold"] is None
    found = json.loads(run(tiny_model, "--json", "--min-score", -1).stdout)
    assert found["threshold"]["method"] == "gnn-search, vectors"
    assert found["threshold"]["recall"]["mean"] == 1
    assert found["threshold"]["listed"] == 40
    assert found["scores"] == report["scores"]
    result = run(tiny_model, "--cases", 20, "--min-score", 0.3)
    assert "gnn-search, vectors: at most 40 products that score at least 0.300" in " ".join(result.stdout.split())
    assert "precision" in result.stdout


def test_the_result_is_kept_in_a_folder_and_not_written_over(tiny_model, tiny_graph, tmp_path):
    out = tmp_path / "run"
    shown = json.loads(run(tiny_model, "--cases", 10, "--json", "--out", out).stdout)
    kept = json.loads((out / "evaluation.json").read_text())
    assert kept == shown
    manifest = kept["manifest"]
    assert (manifest["split"], manifest["limit"], manifest["model_name"]) == ("test", 10, "tiny")
    assert manifest["model_hash"] == json.loads(ModelLayout(tiny_model).manifest.read_text())["hash"]
    assert kept["graph_hash"] == tiny_graph.manifest.hash
    assert {"processor", "python", "torch", "gnn-search"} <= set(manifest["machine"])
    assert len(list((out / "methods").iterdir())) == len(kept["methods"])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    again = run(tiny_model, "--cases", 10, "--out", out)
    assert again.exit_code == 2
    assert again.stderr == f"Error: {out} already exists; give another --out, or remove it first\n"


def test_an_evaluation_that_breaks_off_leaves_no_run(tiny_model, tmp_path, monkeypatch):
    def fail(*arguments: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("gnn_search.evaluation.run_folder.RunWriter.finish", fail)
    assert isinstance(run(tiny_model, "--cases", 5, "--out", tmp_path / "run").exception, RuntimeError)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_was_moved(fresh_model, tiny_graph, tmp_path):
    layout = ModelLayout(fresh_model)
    layout.manifest.write_text(json.dumps({**json.loads(layout.manifest.read_text()), "graph": str(tmp_path / "gone")}))
    assert_refused(run(fresh_model), "is no longer in")
    moved = shutil.copytree(tiny_graph.path, tmp_path / "moved")
    assert run(fresh_model, "--cases", 5, "--graph", moved).exit_code == 0
    other = build(write_tiny_shop(tmp_path / "shop", seed=5), tmp_path / "other")
    assert_refused(run(fresh_model, "--graph", other.path), "was trained on another graph than")


def assert_refused(result: Result, message: str) -> None:
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda layout: shutil.rmtree(layout.root), "there is no model folder"),
        (lambda layout: layout.manifest.write_text("{"), "model.json is damaged"),
        (lambda layout: layout.weights.write_bytes(b"\0" * 100), "its files differ from those that were written; train the model again"),
        (lambda layout: (layout.node_embeddings / "product.npy").write_bytes(b"\0" * 100), "product.npy is damaged"),
    ],
)
def test_a_damaged_model_is_one_sentence_and_exit_2(fresh_model, damage, message):
    damage(ModelLayout(fresh_model))
    assert_refused(run(fresh_model), message)


@pytest.mark.parametrize("arguments", [("--cases", 0), ("--resamples", 0), ("--split", "train")])
def test_bad_options_exit_2(tiny_model, arguments):
    assert run(tiny_model, *arguments).exit_code == 2


def test_a_graph_with_one_changed_byte_is_refused(fresh_model, fresh_graph):
    file = fresh_graph / "edges" / "query--leads_to--product" / "index.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    result = CliRunner().invoke(main, ["evaluate", str(fresh_model), "--graph", str(fresh_graph)])
    assert result.exit_code == 2
    assert "is damaged: its content hashes to" in result.stderr


def test_only_the_baselines_asked_for_stand_in_the_table(tiny_model):
    def methods(*arguments: object) -> list[str]:
        return json.loads(run(tiny_model, "--cases", 5, "--json", *arguments).stdout)["methods"][4:]

    assert methods("--baselines", "bm25,recent_history") == ["bm25", "recent_history"]
    assert methods("--baselines", "none") == []


def test_an_unknown_baseline_is_one_sentence_and_exit_2(tiny_model):
    assert_refused(run(tiny_model, "--baselines", "bm25,luck"), "there is no baseline 'luck'; there are popularity, query_popularity, ")


def test_settings_of_baselines_come_from_a_folder(tiny_model, tmp_path):
    small = {"dimension": 4, "layers": 1, "steps": 1, "batch_size": 500, "negatives": 1}
    content = {**small, "learning_rate": 0.1, "weight_decay": 0, "seed": 0}
    (tmp_path / "lightgcn.yaml").write_text(json.dumps(content))
    result = run(tiny_model, "--cases", 5, "--baselines", "lightgcn", "--settings", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "lightgcn" in result.stdout
    (tmp_path / "lightgcn.yaml").write_text(json.dumps({**content, "layers": 0}))
    assert_refused(run(tiny_model, "--baselines", "lightgcn", "--settings", tmp_path), "lightgcn.yaml: 'layers'")
    assert_refused(run(tiny_model, "--settings", tmp_path / "gone"), f"there is no folder {tmp_path / 'gone'}; give --settings a folder")


def test_a_rival_stands_under_its_own_name(tiny_model, tiny_graph, tmp_path):
    rival = write_model(tiny_graph, tmp_path / "rival", seed=3)
    report = json.loads(run(tiny_model, "--cases", 40, "--rival", rival, "--baselines", "none", "--json").stdout)
    assert report["methods"] == ["gnn-search", "gnn-search, vectors", "gnn-search, graph", "gnn-search, no user", "tiny"]
    found = {score["method"]: score["mean"] for score in report["scores"] if score["slice"] == "all" and score["metric"] == "ndcg"}
    assert found["tiny"] != found["gnn-search, vectors"]


def test_a_rival_of_another_graph_is_refused(tiny_model, tmp_path):
    other = build(write_tiny_shop(tmp_path / "shop", seed=5), tmp_path / "other")
    rival = write_model(other, tmp_path / "rival", vectors=False)
    assert_refused(run(tiny_model, "--rival", rival), "was trained on another graph than")
    assert_refused(run(tiny_model, "--rival", tmp_path / "gone"), "there is no model folder")
    assert_refused(run(tiny_model, "--rival", tiny_model, "--rival", tiny_model, "--cases", 5), "got 'tiny' 2 times; rename one")


def test_further_slices_come_from_a_file(tiny_model, tmp_path):
    file = tmp_path / "slices.yaml"
    file.write_text("slices: {long and broad: words >= 2 AND form = 'broad', never: words > 99}", encoding="utf-8")
    result = run(tiny_model, "--baselines", "none", "--json", "--slices", file)
    assert result.exit_code == 0, result.output
    assert result.stderr == "Note: the slice 'never' holds no case and is left out\n"
    assert json.loads(result.stdout)["slices"][-1] == "long and broad"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("slices: {mine: colour = 'red'}", "slice 'mine': the cases have no column 'colour'"),
        ("slices: {mine: words >}", "'slices.mine': this is no SQL expression"),
        ("slices: {mine: words + 1}", "slice 'mine': expected a condition, got Int64"),
        ("slices: {mine: query = 3}", "slice 'mine': query = 3 can't be computed"),
        ("mine: words > 1", "unknown key 'mine'"),
        (None, "give a YAML file with slices: {NAME: EXPRESSION}"),
    ],
)
def test_bad_slices_are_one_sentence_and_exit_2(tiny_model, tmp_path, content, message):
    if content is not None:
        (tmp_path / "slices.yaml").write_text(content, encoding="utf-8")
    assert_refused(run(tiny_model, "--slices", tmp_path / "slices.yaml"), message)


@pytest.mark.parametrize("split", [{"by": "last"}, {"hold_out": {"users": 0.3, "products": 0.2}}])
def test_each_protocol_is_evaluated(tiny_shop, tmp_path, split):
    recipe = Recipe.load(tiny_shop).model_dump()
    changed = {**recipe, "split": split if "by" in split else {**recipe["split"], **split}}
    graph = build_graph(Recipe.model_validate(changed), tiny_shop.parent, tmp_path / "graph")
    result = run(write_model(graph, tmp_path / "model"), "--json", "--baselines", "quick")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["cases"] == len(build_cases(graph))
    assert ("held-out user" in found["slices"]) == ("hold_out" in split)


def test_new_words_are_measured_and_kept(tiny_model, report, tmp_path):
    assert report["typed"] is None
    kinds = [kind["kind"] for kind in report["perturbed"]["kinds"]]
    assert kinds == ["letter left out", "letters swapped", "plural or singular", "words reordered", "word dropped"]
    file = tmp_path / "typed.jsonl"
    file.write_text(
        '{"id": 1, "query": "crème bread", "kind": "short", "accept": ["food > bakery"]}\n'
        '{"id": 2, "query": "teas", "kind": "plural", "accept": ["drinks", "food > tea"]}\n'
    )
    result = run(tiny_model, "--typed", file, "--perturbed", 3, "--json", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert result.stderr == f"Note: 1 accepted category paths of {file} are not in the graph, such as 'food > tea' in line 2\n"
    found = json.loads(result.stdout)
    assert max(kind["sampled"] for kind in found["perturbed"]["kinds"]) == 3
    assert found["scores"] == report["scores"]
    assert {(score["method"], score["kind"]) for score in found["typed"]["scores"]} >= {("gnn-search", "all"), ("bm25", "plural")}
    folder = RunFolder.open(tmp_path / "run")
    assert folder.evaluation.model_dump(mode="json") == found
    perturbed, typed = folder.new_words("perturbed"), folder.new_words("typed")
    sampled = sum(kind["sampled"] for kind in found["perturbed"]["kinds"])
    assert perturbed.height == sampled * perturbed["method"].n_unique()
    assert typed.filter(method="bm25")["id"].to_list() == ["1", "2"]
    text = " ".join(run(tiny_model, "--typed", file, "--cases", 30).stdout.split())
    assert "recall@10 kept when the query is changed a little" in text
    assert "2 typed queries (0 of them in the log): good@10 and none@10" in text


def test_new_words_may_be_left_out(tiny_model, report, tmp_path):
    result = run(tiny_model, "--perturbed", 0, "--json", "--out", tmp_path / "run")
    found = json.loads(result.stdout)
    assert found["perturbed"] is None
    assert {**found, "costs": None, "perturbed": None, "manifest": None} == {**report, "costs": None, "perturbed": None, "manifest": None}
    assert RunFolder.open(tmp_path / "run").new_words("perturbed") is None
    assert not (tmp_path / "run" / "perturbed.parquet").exists()


def test_a_bad_line_of_typed_queries_ends_at_once(tiny_model, tmp_path):
    file = tmp_path / "typed.jsonl"
    file.write_text('{"id": 1, "query": "tea", "kind": "short", "accept": ["drinks"]}\n{"id": 2, "query": "tea"}\n')
    result = run(tiny_model, "--typed", file)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {file}, line 2: 'kind': field required; write a line such as {{")
    assert result.stdout == ""
