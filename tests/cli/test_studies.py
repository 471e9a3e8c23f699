"""`gnn-search ablate` and `gnn-search compare-negatives` end to end: what they find, resumed, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from towers import tiny_settings

from gnn_search.cli.main import main
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.graph.store import Graph
from gnn_search.retrieval.rankers.build import model_case_rankers
from gnn_search.studies import study as study_module
from gnn_search.studies.measuring import Measuring, study_cases
from gnn_search.trained.model import open_model
from gnn_search.trained.node_embeddings import encode_nodes

CLOCK = {"seconds", "cpu_seconds", "examples_per_second", "share_waiting_for_batches", "command"}
CLOCK |= {"drawing_cpu_seconds", "index_cpu_seconds", "cpu_seconds_per_million", "mining_cpu_seconds", "share_of_step"}
VARIANTS = {"without reranker": {"reranker": {"enabled": False}}, "without text": {"product": {"text": False}}, "same": {"dimension": 16}}


def write(folder: Path, **study: Any) -> Path:
    """Write a tiny base and a study of it."""
    base, path = folder / "tiny.yaml", folder / "study.yaml"
    base.write_text(yaml.safe_dump(tiny_settings(reranker={"cases": 20, "epochs": 2})))
    path.write_text(yaml.safe_dump({"base": str(base), "seeds": [0, 1], "n_resamples": 50, **study}, sort_keys=False))
    return path


def run(command: str, study: object, graph: Graph, out: Path, *arguments: object) -> Result:
    words = [command, str(study), "--graph", str(graph.path), "--out", str(out), "--threads", "1", *map(str, arguments)]
    return CliRunner().invoke(main, words)


def without_clock(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_clock(part) for key, part in value.items() if key not in CLOCK}
    return [without_clock(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def ablated(tiny_graph, tmp_path_factory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("ablated")
    return run("ablate", write(folder, variants=VARIANTS), tiny_graph, folder / "out.json", "--keep"), folder


def test_an_ablation_is_reported(ablated, tiny_graph):
    result, folder = ablated
    assert result.exit_code == 0, result.output
    report = json.loads((folder / "out.json").read_text())
    assert [one["name"] for one in report["summaries"]] == ["base", "without reranker", "without text"]
    assert [one["name"] for one in report["runs"]] == ["base"] * 2 + ["without reranker"] * 2 + ["without text"] * 2
    assert [one["seed"] for one in report["runs"]] == [0, 1] * 3
    assert [one["name"] for one in report["skipped"]] == ["same"]
    assert report["machine"]["threads"] == 1
    assert report["command"].startswith(f"gnn-search ablate {folder / 'study.yaml'} --graph ")
    assert "not the test period" in report["notes"][0]
    assert {one["channel"] for one in report["runs"][0]["recalls"]} == {"reranked", "vector", "graph", "no user"}
    assert {one["channel"] for one in report["summaries"][1]["differences"]} == {"reranked", "vector", "no user"}
    # Vectors do not use the reranker.
    assert all(one["mean"] == 0 for one in report["summaries"][1]["differences"] if one["channel"] == "vector")
    assert result.stderr.startswith("6 runs, 0 of them done before\nbase, seed 0: recall@10 reranked ")
    assert "without text, seed 1: recall@10" in result.stderr
    for words in ("tiny: medians of 2 seeds, validation cases", "without text", "skipped", "is like this already: dimension 16"):
        assert words in result.stdout


def test_recalls_are_those_of_evaluate(ablated, tiny_graph):
    report = json.loads((ablated[1] / "out.json").read_text())
    for found, name in ((report["runs"][1], "base-seed1-*"), (report["runs"][3], "without-reranker-seed1-*")):
        (folder,) = (ablated[1] / "out.work" / "models").glob(name)
        model, cases = open_model(folder), study_cases(tiny_graph, Measuring("validation", None, 20), 1)
        rankers = model_case_rankers(model, encode_nodes(model, cases.time))
        scores = evaluate(cases, rankers, tiny_graph, k=(10, 40), n_resamples=1)
        channels = dict(
            zip(("reranked", "vector", "graph", "no user") if model.reranker else ("reranked", "no user"), scores.methods, strict=True)
        )
        channels.setdefault("vector", channels["reranked"])
        assert {one["channel"] for one in found["recalls"]} == set(channels)
        for one in found["recalls"]:
            score = scores.score(channels[one["channel"]], one["slice"], "recall", one["k"])
            assert (one["mean"], one["cases"]) == (pytest.approx(score.mean), score.cases)


def test_a_killed_study_goes_on(ablated, tiny_graph, tmp_path, monkeypatch):
    plain, trained = study_module.fit_model, []

    def fit_model(config, *arguments, **settings):
        trained.append(config.seed)
        summary = plain(config, *arguments, **settings)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return summary

    study = write(tmp_path, variants=VARIANTS)
    monkeypatch.setattr(study_module, "fit_model", fit_model)
    assert run("ablate", study, tiny_graph, tmp_path / "out.json").exit_code == 130
    assert not (tmp_path / "out.json").exists()
    result = run("ablate", study, tiny_graph, tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("6 runs, 2 of them done before\n")
    assert len(trained) == 7
    assert list((tmp_path / "out.work" / "models").iterdir()) == []
    found, whole = (json.loads((folder / "out.json").read_text()) for folder in (tmp_path, ablated[1]))
    for report in (found, whole):
        report["study"]["base"] = "tiny"
        report["skipped"][0]["reason"] = ""
    assert without_clock(found) == without_clock(whole)


def test_changed_settings_are_not_taken_for_done(tiny_graph, tmp_path):
    study = write(tmp_path, variants=VARIANTS)
    some = ["--seeds", "3", "--only", "without reranker", "--work", tmp_path / "work"]
    assert run("ablate", study, tiny_graph, tmp_path / "one.json", *some).stderr.startswith("2 runs, 0 of them")
    assert run("ablate", study, tiny_graph, tmp_path / "two.json", *some).stderr == "2 runs, 2 of them done before\n"
    assert run("ablate", study, tiny_graph, tmp_path / "three.json", *some, "--cases", 9).stderr.startswith("2 runs, 0 of them")
    assert json.loads((tmp_path / "three.json").read_text())["runs"][0]["cases"] == 9
    assert_refused(run("ablate", study, tiny_graph, tmp_path / "one.json", *some), "already exists; give another --out, or remove it first")
    for folder in (tmp_path / "work" / "results").glob("base-*"):
        (folder / "recalls.npz").write_bytes(b"no")
    (tmp_path / "two.json").unlink()
    again = run("ablate", study, tiny_graph, tmp_path / "two.json", *some)
    assert again.exit_code == 2
    assert "is damaged" in again.stderr
    assert "remove the folder, and the run is done again" in again.stderr


def test_negatives_are_compared(tiny_graph, tmp_path):
    mixes = {
        "random": [{"kind": "uniform", "count": 8}],
        "ance": {"negatives": [{"kind": "in_batch"}, {"kind": "dynamic", "refresh_every": 4}], "schedule": {"warmup": 0.1}},
        "tb_hns": [{"kind": "in_batch"}, {"kind": "taxonomy", "preset": "tb_hns"}],
    }
    study = write(tmp_path, mixes=mixes, reference="ance", targets=["lowest", "ance", 0.05])
    result = run("compare-negatives", study, tiny_graph, tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out.json").read_text())
    assert [one["name"] for one in report["costs"]] == list(mixes)
    assert [[sampler["kind"] for sampler in one["samplers"]] for one in report["costs"]][2] == ["in_batch", "taxonomy"]
    assert [len(one["differences"]) > 0 for one in report["summaries"]] == [True, False, True]
    assert all(one["reached"][0]["seeds"] == 2 for one in report["costs"])
    assert report["costs"][1]["reached"][1]["seeds"] == 2
    assert all(one["training"]["reranker"] is None and one["cases"] == report["runs"][0]["cases"] for one in report["runs"])
    assert all(0 < one["share_of_step"] < 1 and one["mining_cpu_seconds"] > 0 for one in report["costs"])
    for words in ("to ance", "what the samplers cost", "tb_hns", "(lowest)", "of .0500 (0.05)", "2 of 2"):
        assert words in result.stdout
    some = ["--work", tmp_path / "out.work", "--json", "--only", "random"]
    shown = run("compare-negatives", study, tiny_graph, tmp_path / "two.json", *some)
    assert shown.stderr == "2 runs, 2 of them done before\n"
    assert [target["name"] for target in json.loads(shown.stdout)["targets"]] == ["lowest", "0.05"]
    assert json.loads(shown.stdout)["reference"] is None


def assert_refused(result: Result, message: str) -> None:
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("variants", "arguments", "message"),
    [
        ({"odd": {"user": {"histroy": 0}}}, (), "variant 'odd': unknown key 'user.histroy'; remove it or correct its name"),
        ({"same": {"dimension": 16}}, (), "no variant is left to try: same: the base"),
        (VARIANTS, ("--only", "nope"), "there is no variant 'nope' in the study; there are without reranker, without text, same"),
        (VARIANTS, ("--base", "nope"), "no file nope, and no shipped one of that name in configs"),
        (VARIANTS, ("--seeds", "1,1"), "each seed may stand once in seeds (got 1, 1)"),
        ({"more": {"reranker": {"cases": 5000}}}, (), "so none is left to measure on; set override"),
    ],
)
def test_what_can_not_be_studied_is_one_sentence(tiny_graph, tmp_path, variants, arguments, message):
    assert_refused(run("ablate", write(tmp_path, variants=variants), tiny_graph, tmp_path / "out.json", *arguments), message)
    assert not (tmp_path / "out.work").exists()


def test_seeds_that_are_none(tiny_graph, tmp_path):
    result = run("ablate", write(tmp_path, variants=VARIANTS), tiny_graph, tmp_path / "out.json", "--seeds", "one")
    assert result.exit_code == 2
    assert "expected whole numbers between commas, got 'one'" in result.stderr
