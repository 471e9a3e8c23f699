"""Comparisons of runs: by hand, and the same figures as an evaluation's."""

from __future__ import annotations

import io

import pytest
from rankers import Fixed
from rich.console import Console

from gnn_search.errors import RequestError
from gnn_search.evaluation.baselines.build import build_baselines
from gnn_search.evaluation.compare import compare
from gnn_search.evaluation.comparison_table import render_comparison
from gnn_search.evaluation.evaluate import evaluate
from gnn_search.evaluation.qrels import build_qrels
from gnn_search.evaluation.result import Comparison, Manifest
from gnn_search.evaluation.run_folder import RunFolder, RunWriter, hash_cases
from gnn_search.graph.cases import build_cases
from gnn_search.layout import FORMAT_VERSION


def write(graph, rankers, root, k=(2, 3), limit=None):
    cases = build_cases(graph, "test", limit)
    writer = RunWriter(root, graph)
    qrels = build_qrels(graph, cases, "test", limit)
    found = evaluate(cases, rankers, graph, k=k, qrels=qrels, recorder=writer, n_resamples=200, reference=rankers[0].name)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        command="",
        split="test",
        limit=limit,
        cases_hash=hash_cases(cases),
        graph=str(graph.path),
        model="",
        model_name="",
        model_hash="",
        rivals={},
        machine={},
    )
    writer.finish(found.model_copy(update={"manifest": manifest}))
    return RunFolder.open(root)


@pytest.fixture(scope="module")
def old_and_new(fruit_shop, tmp_path_factory):
    """Relevant: {0, 2}, {1}, {2}, {3, 4}, {3}; the old list is [2, 1], the new one [3, 2]."""
    folder = tmp_path_factory.mktemp("runs")
    return write(fruit_shop, [Fixed([2, 1])], folder / "old"), write(fruit_shop, [Fixed([3, 2])], folder / "new")


def text_of(found):
    stream = io.StringIO()
    Console(file=stream, width=140).print(render_comparison(found))
    return " ".join(stream.getvalue().split())


def test_by_hand(old_and_new):
    found = compare(old_and_new, top=1, n_resamples=50)
    assert [(entry.mark, entry.method) for entry in found.entries] == [("a", "fixed"), ("b", "fixed")]
    means = {one.method: one.mean for one in found.scores if (one.slice, one.metric, one.k) == ("all", "recall", 2)}
    assert means == pytest.approx({"a": (0.5 + 1 + 1) / 5, "b": (0.5 + 0 + 1 + 0.5 + 1) / 5})
    (wins,) = found.wins
    assert (wins.later, wins.earlier, wins.wins, wins.ties, wins.losses) == ("b", "a", 2, 2, 1)
    (difference,) = [one for one in found.differences if (one.slice, one.metric, one.k) == ("all", "recall", 2)]
    assert (difference.reference, difference.method) == ("b", "a")
    assert difference.mean == pytest.approx((3 - 2.5) / 5)
    assert found.slices[0] == "all"
    by_slice = {one.slice: one.mean for one in found.differences if (one.metric, one.k) == ("recall", 2)}
    assert by_slice["anonymous"] == pytest.approx((0.5 + 1) / 2)
    assert set(by_slice) == set(found.slices)


def test_the_largest_changes_with_both_lists(old_and_new):
    found = compare(old_and_new, top=1, n_resamples=50)
    (gained,) = found.largest_gains
    assert (gained.case, gained.user_id, gained.query, gained.value_earlier, gained.value_later) == (4, None, "root", 0, 1)
    assert [(one.product_id, one.title, one.relevant) for one in gained.list_later] == [("p3", "carrot", True), ("p2", "sweet pear", False)]
    assert [one.product_id for one in gained.list_earlier] == ["p2", "p1"]
    (lost,) = found.largest_losses
    assert (lost.case, lost.user_id, lost.value_earlier, lost.value_later) == (1, "ann", 1, 0)
    assert [one.product_id for one in lost.relevant] == ["p1"]
    assert len(compare(old_and_new, top=9, n_resamples=50).largest_gains) == 2


def test_a_tie_by_recall_is_broken_by_ndcg(fruit_shop, tmp_path):
    """Both lists find p3 for the last case and, one place apart, p2 for the third: neither moves by recall, so none is shown."""
    runs = [write(fruit_shop, [Fixed(row)], tmp_path / str(row[0])) for row in ([2, 3], [3, 2])]
    found = compare(runs, n_resamples=20)
    assert (found.largest_gains, found.largest_losses, found.wins[0].ties) == ((), (), 5)
    by_ndcg = compare(runs, metric="ndcg", n_resamples=20)
    assert by_ndcg.wins[0].ties < 5


def test_the_figures_are_those_of_the_evaluation(random_shop, tmp_path):
    _, _, graph = random_shop(4)
    rankers = build_baselines(graph, build_cases(graph).time)[:3]
    run = write(graph, rankers, tmp_path / "run")
    found = compare([run], n_resamples=200)
    assert [entry.method for entry in found.entries] == [ranker.name for ranker in rankers]
    for one in found.differences:
        if one.method != "a" or one.slice not in ("all", "repeat") or one.metric != "recall":
            continue
        name = rankers["abc".index(one.reference)].name
        theirs = run.evaluation.difference(name, one.slice, one.metric, one.k)
        assert (one.mean, one.low, one.high) == pytest.approx((-theirs.mean, -theirs.high, -theirs.low))
        if one.slice == "all":
            assert one.p_value == pytest.approx(theirs.p_value, abs=1e-12)
            assert one.detectable == pytest.approx(theirs.detectable)


def test_marks_stand_for_significant_wins():
    """Of a, b and c, b beats both; the win of c over a does not hold."""
    differences = [
        {"reference": "b", "method": "a", "mean": 0.2, "p_adjusted": 0.01},
        {"reference": "c", "method": "a", "mean": 0.1, "p_adjusted": 0.07},
        {"reference": "c", "method": "b", "mean": -0.1, "p_adjusted": 0.04},
    ]
    shared = {"slice": "all", "metric": "recall", "k": 10, "low": 0, "high": 0, "cases": 50, "users": 40}
    scores = [{**shared, "method": mark, "mean": mean} for mark, mean in [("a", 0.3), ("b", 0.5), ("c", 0.4)]]
    found = Comparison.model_validate(
        {
            "graph": "small",
            "graph_hash": "0",
            "time": 0,
            "cases": 50,
            "users": 9,
            "n_resamples": 10,
            "seed": 0,
            "metric": "recall",
            "k": 10,
            "entries": [{"mark": mark, "run": f"runs/{mark}", "method": "gnn-search"} for mark in "abc"],
            "slices": ["all"],
            "scores": scores,
            "differences": [{**shared, **one} for one in differences],
            "wins": [{"later": "b", "earlier": "a", "metric": "recall", "k": 10, "wins": 7, "ties": 40, "losses": 3}],
            "largest_gains": [],
            "largest_losses": [],
        }
    )
    assert found.beaten("b", "recall", 10) == ["a", "c"]
    assert found.beaten("c", "recall", 10) == []
    text = text_of(found)
    assert "runs/b │ .500 ac │" in text
    assert "runs/c │ .400 │" in text
    assert "7 / 40 / 3" in text


def test_a_table_for_readers(old_and_new):
    text = text_of(compare(old_and_new, top=1, n_resamples=50))
    assert "recall@2, pair by pair" in text
    assert "recall@2 .000 by a, 1.00 by b: 'root', an anonymous user" in text
    assert "✓ carrot" in text
    assert "relevant: carrot" in text


def test_runs_that_can_not_be_compared_are_refused(fruit_shop, random_shop, old_and_new, tmp_path):
    old, new = old_and_new
    _, _, other_graph = random_shop(0)
    other = write(other_graph, [Fixed([0])], tmp_path / "graph")
    with pytest.raises(RequestError, match=r"graph was evaluated on another graph than .*old; compare runs of one graph"):
        compare([old, other])
    fewer = write(fruit_shop, [Fixed([0])], tmp_path / "fewer", limit=3)
    with pytest.raises(RequestError, match=r"fewer is of other cases than .*old; evaluate both with the same --split, --cases and --seed"):
        compare([old, fewer])
    longer = write(fruit_shop, [Fixed([0])], tmp_path / "longer", k=(1, 3))
    with pytest.raises(RequestError, match=r"longer was measured at \(1, 3\) places, .*old at \(2, 3\); evaluate again"):
        compare([old, longer])
    with pytest.raises(RequestError, match="no run holds a method 'luck'; there are fixed"):
        compare([old, new], methods=["luck"])
    with pytest.raises(RequestError, match="expected 2 to 26 methods to compare, got 1; give more runs, or name methods with --method"):
        compare([old])
    with pytest.raises(RequestError, match="the runs hold no measure 'recall@7'; there are recall@2, recall@3, precision@2"):
        compare([old, new], k=7)
