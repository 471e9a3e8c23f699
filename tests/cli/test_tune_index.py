"""`gnn-search tune-index` end to end, and how it fails."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gnn_search.cli.main import main
from gnn_search.index.store import open_index, read_index_manifest


def run(*arguments: object):
    return CliRunner().invoke(main, ["tune-index", *map(str, arguments)])


@pytest.fixture(scope="module")
def tuned(tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned") / "index"
    result = run(tiny_model, "--kind", "sq8", "--kind", "ivf_pq", "-k", 10, "--out", out, "--threads", 1)
    assert result.exit_code == 0, result.output
    return out, result


def test_the_front_for_readers_and_an_index_that_opens(tuned, tiny_graph):
    out, result = tuned
    lines = result.stdout.splitlines()
    assert "recall@10" in lines[0]
    assert sum(line.startswith("→") for line in lines) == 1
    assert "trials with" in lines[-2]
    assert lines[-1].startswith(f"{out}: ")
    assert result.stderr == ""
    assert open_index(out).ids.equals(tiny_graph.nodes("product")["product_id"])


def test_the_manifest_holds_what_was_tried(tuned):
    manifest = read_index_manifest(tuned[0])
    assert manifest.tuning is not None
    assert manifest.measured is not None
    chosen = manifest.tuning.trials[manifest.tuning.selected]
    assert chosen.settings == manifest.settings
    assert abs(manifest.tuning.queries - manifest.measured.queries) <= 1


def test_once_more_from_what_won(tuned, tiny_model, tmp_path):
    result = run(tiny_model, "--from", tuned[0], "--kind", "fp16", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    trials = json.loads(result.stdout)["tuning"]["trials"]
    assert trials[0]["faiss"] == read_index_manifest(tuned[0]).settings.description()
    assert trials[-1]["faiss"] == "SQfp16"


def test_caps_that_nothing_keeps(tiny_model, tmp_path):
    result = run(tiny_model, "--kind", "sq8", "--max-bytes", 1, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "Error: none of 1 trials keeps at most 1 bytes a product; the nearest, SQ8 with all products read, has "
    )
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_is_not_tuned(tiny_model, tmp_path):
    assert CliRunner().invoke(main, ["index", str(tiny_model), "--kind", "flat", "--out", str(tmp_path / "flat")]).exit_code == 0
    result = run(tiny_model, "--from", tmp_path / "flat", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "is of kind flat, which is not tuned; give another with --from, or leave it out" in result.stderr
