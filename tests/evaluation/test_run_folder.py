"""A run folder holds what the evaluation saw, with the shop's own ids, and gives the same figures again."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from rankers import Fixed

from gnn_search.errors import ArtefactError
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.evaluator import Evaluator
from gnn_search.evaluation.metrics.measure import measures
from gnn_search.evaluation.qrels import build_qrels
from gnn_search.evaluation.run_folder import RunFolder, RunWriter, hash_cases
from gnn_search.evaluation.slices import built_in_slices
from gnn_search.graph.cases import build_cases


def write(graph, rankers, root, **settings):
    cases = build_cases(graph)
    writer = RunWriter(root, graph)
    found = evaluate(cases, rankers, graph, qrels=build_qrels(graph, cases, "test"), recorder=writer, n_resamples=30, **settings)
    writer.finish(found)
    return RunFolder.open(root)


@pytest.fixture(scope="module")
def fruit_run(fruit_shop, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs") / "fruit"
    return write(fruit_shop, [Fixed([2, 3, 0]), Fixed([5, 1], "other")], root, k=(1, 3), reference="fixed")


def test_cases_by_hand(fruit_run):
    cases = fruit_run.cases
    assert cases["user_id"].to_list() == ["ann", "ann", "bob", None, None]
    assert cases["query"].to_list() == ["apple", "apple", "pear", "root", "root"]
    assert cases["labels"].struct.field("form").to_list() == ["broad", "narrow", "narrow", "narrow", "narrow"]
    assert cases["relevant"].to_list() == [["p0", "p2"], ["p1"], ["p2"], ["p3", "p4"], ["p3"]]
    of_ann = {"head query", "1 word", "heavy user", "category: fruit"}
    unnamed = {"query does not name its category"}
    assert set(cases["slices"][0]) == {"all", "broad", "repeat", "first-time", "new product"} | of_ann | unnamed
    assert (
        set(cases["slices"][4]) == {"all", "narrow", "anonymous", "tail product", "tail query", "1 word", "category: vegetable"} | unnamed
    )


def test_relevant_rows_by_hand(fruit_run):
    rows = fruit_run.relevant
    assert rows["case"].to_list() == [0, 0, 1, 2, 3, 3, 4]
    assert rows["product_id"].to_list() == ["p0", "p2", "p1", "p2", "p3", "p4", "p3"]
    assert rows["actions"].to_list()[:2] == [["click", "purchase"], ["purchase"]]
    assert rows["spend"].null_count() == 7


def test_methods_by_hand(fruit_run):
    """The lists are [p2, p3, p0] for everybody."""
    table = fruit_run.method("fixed")
    assert table["list"].to_list() == [["p2"]] * 5
    assert table["ranks"].to_list() == [[3, 1], [None], [1], [2, None], [2]]
    assert table["recall@3"].to_list() == [1, 0, 1, 0.5, 1]
    assert table["recall:click@3"].to_list() == [1, None, None, None, None]
    assert table["repeat_share@1"].to_list() == [0, 0, 0, None, None]
    assert fruit_run.method("other")["list"].to_list() == [["p5"]] * 5


def test_every_product_that_is_named_has_a_title(fruit_run):
    products = fruit_run.products
    assert products["product_id"].to_list() == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert products["title"][5] == "erdbeere äöü"
    assert products["category"].to_list() == ["fruit > apple"] * 2 + ["fruit > pear"] + ["vegetable"] * 2 + [None]


def test_the_same_figures_come_out_again(random_shop, tmp_path):
    _, _, graph = random_shop(4)
    rankers = build_baselines(graph, build_cases(graph).time)
    run = write(graph, rankers, tmp_path / "run", k=(3, 10))
    qrels = run.qrels()
    wanted = measures(run.evaluation.k, list(qrels.actions), graded=qrels.grade is not None)
    slices = {part.name: part for part in run.slices()}
    assert set(slices) == {part.name for part in built_in_slices(build_cases(graph), graph)}
    compared = 0
    for name in run.evaluation.methods:
        scored_run = run.read_run(name, qrels.case_of_row)
        for part in slices.values():
            scored = Evaluator(qrels, part.rows, wanted).score_run(scored_run)
            means = scored.values.sum(axis=1) / np.maximum(scored.weights.sum(axis=1)[scored.kind], 1e-9)
            for measure, mean in zip(wanted, means, strict=True):
                try:
                    score = run.evaluation.score(name, part.name, measure.metric, measure.k)
                except KeyError:
                    continue
                assert mean == pytest.approx(score.mean), (name, part.name, measure)
                compared += 1
    assert compared > 500


def test_the_same_evaluation_writes_the_same_bytes(fruit_shop, tmp_path):
    first, again = (write(fruit_shop, [Fixed([2, 3, 0])], tmp_path / name, k=(1, 3)) for name in "ab")
    files = sorted(path.relative_to(first.path) for path in first.path.rglob("*.parquet"))
    assert len(files) == 4
    assert all((first.path / file).read_bytes() == (again.path / file).read_bytes() for file in files)
    assert first.evaluation.model_dump(exclude={"costs"}) == again.evaluation.model_dump(exclude={"costs"})


def test_other_cases_have_another_hash(random_shop):
    _, _, graph = random_shop(0)
    hashes = [hash_cases(build_cases(graph, split, limit)) for split, limit in [("test", None), ("test", 5), ("validation", None)]]
    assert len(set(hashes)) == 3
    assert hashes[0] == hash_cases(build_cases(graph))


def test_what_is_no_run_is_refused(fruit_run, tmp_path):
    with pytest.raises(ArtefactError, match=r"there is no run folder .*gone; make one with 'gnn-search evaluate MODEL --out"):
        RunFolder.open(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtefactError, match=r"empty is not a run folder: evaluation.json is missing"):
        RunFolder.open(tmp_path / "empty")
    content = json.loads((fruit_run.path / "evaluation.json").read_text())
    (tmp_path / "empty" / "evaluation.json").write_text(json.dumps({**content, "cases": "many"}))
    with pytest.raises(ArtefactError, match=r"evaluation.json is damaged .'cases': .*; evaluate again"):
        RunFolder.open(tmp_path / "empty")
    (tmp_path / "empty" / "evaluation.json").write_text(json.dumps({"manifest": {"format_version": 1}}))
    with pytest.raises(ArtefactError, match=r"evaluation.json is of format version 1, this program reads 3; evaluate again"):
        RunFolder.open(tmp_path / "empty")
    (tmp_path / "empty" / "evaluation.json").write_text(json.dumps(content))
    pl.DataFrame().write_csv(tmp_path / "empty" / "cases.parquet")
    with pytest.raises(ArtefactError, match=r"the run .* is damaged: cases.parquet can't be read"):
        _ = RunFolder.open(tmp_path / "empty").cases
