"""Costs and latency."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from evaluations import hand_made
from models import write_model

from gnn_search.cli.main import main
from gnn_search.errors import ArtefactError
from gnn_search.graph.cases import build_cases
from gnn_search.index.store import open_index, read_index_manifest, save_index
from gnn_search.report.search_speed import costs_of, measure_speed, read_indices
from gnn_search.retrieval.ranking import Ranking
from gnn_search.trained.model import open_model


def test_costs_by_hand():
    """1.98 seconds for 990 cases are 2 milliseconds a case."""
    for one in costs_of(hand_made()):
        assert (one.wall_ms, one.cpu_ms) == (pytest.approx(2.0), pytest.approx(4.0))
    assert {one.method: round(one.recall, 6) for one in costs_of(hand_made())}["own_history"] == 0.55


class Counting:
    """A ranker that counts what it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], list[int], int]] = []

    def rank(self, user, query, k):
        self.asked.append((user.tolist(), query.tolist(), k))
        return Ranking(np.zeros((len(user), k), np.int32), np.zeros((len(user), k), np.float32))


def test_the_model_is_measured_one_case_at_a_time(fruit_shop):
    cases, ranker = build_cases(fruit_shop), Counting()
    vectors = np.eye(12, dtype=np.float32)
    single = measure_speed(hand_made(), ranker, cases, vectors, vectors).single
    assert (single.searches, single.k) == (len(cases), 10)
    one_by_one = [([user], [query], 10) for user, query in zip(cases.user.tolist(), cases.query.tolist(), strict=True)]
    assert ranker.asked[-len(cases) :] == one_by_one
    assert 0 < single.median_ms <= single.p95_ms <= single.p99_ms


def test_the_exact_index_is_measured_and_exact(fruit_shop):
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = np.concatenate([vectors[:30], np.zeros((1, 8), np.float32)])
    speed = measure_speed(hand_made(), Counting(), build_cases(fruit_shop), vectors, queries)
    (flat,) = speed.indices
    assert (flat.products, flat.queries, flat.k, flat.recall, flat.bytes_product) == (300, 31, 100, 1.0, 32)
    assert 0 < flat.median_ms <= flat.p95_ms <= flat.p99_ms


def test_saved_indices_as_their_folders_tell(tiny_model, tmp_path):
    model = open_model(tiny_model)
    for kind in ("ivf_pq", "sq8"):
        assert CliRunner().invoke(main, ["index", str(tiny_model), "--kind", kind, "--out", str(tmp_path / kind)]).exit_code == 0
    codes, numbers = read_indices([tmp_path / "ivf_pq", tmp_path / "sq8"], model)
    measured = read_index_manifest(tmp_path / "ivf_pq").measured
    assert (codes.kind, numbers.kind) == ("IVF1,PQ8x4fs, re-ranked by float32", "SQ8")
    assert (codes.recall, codes.p99_ms, codes.k) == (measured.recall[measured.k], measured.p99_ms, measured.k)
    assert codes.bytes_product == measured.bytes_index + 64


def test_an_index_of_another_model_or_changed_since(tiny_model, tiny_graph, tmp_path):
    model = open_model(tiny_model)
    assert CliRunner().invoke(main, ["index", str(tiny_model), "--kind", "sq8", "--out", str(tmp_path / "one")]).exit_code == 0
    with pytest.raises(ArtefactError, match="is of another model than"):
        read_indices([tmp_path / "one"], open_model(write_model(tiny_graph, tmp_path / "other", seed=3)))
    changed = open_index(tmp_path / "one")
    changed.remove(changed.ids[:1])
    save_index(changed, tmp_path / "changed", extra={"model_hash": model.manifest.hash})
    with pytest.raises(ArtefactError, match="since it was measured; make it again"):
        read_indices([tmp_path / "changed"], model)
