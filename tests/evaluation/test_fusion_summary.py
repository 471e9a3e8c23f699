"""The summary's means and leads, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnn_search.evaluation.fusion_summary import summarise_fusion
from gnn_search.retrieval.fusion.fit import FusionFit
from gnn_search.retrieval.fusion.rules import ChannelWeights, Weights

WEIGHTS = Weights(channels={"vector": ChannelWeights(score=1, rank=0, missing=0)})


def fit(new: list[bool]) -> FusionFit:
    recall = {"vector": np.array([[0, 0.5], [1, 1], [0, 0], [0, 1]]), "fused": np.array([[1, 1], [1, 1], [0, 0.5], [0, 1]])}
    return FusionFit(WEIGHTS, np.array([3, 3, -1, -1], np.int32), np.array(new), recall)


def test_means_and_leads():
    summary = summarise_fusion(fit([False, False, True, False]), (10, 100), Path("out"), n_resamples=50)
    assert (summary.cases, summary.users) == (4, 3)
    found = {(score.method, score.new_queries, score.k): score for score in summary.scores}
    assert len(found) == 8
    assert found["vector", False, 10].recall.mean == 0.25
    assert found["fused", False, 100].recall.mean == 0.875
    lead = found["vector", False, 100].lead
    assert lead is not None
    assert np.isclose(lead.mean, 0.25)
    assert lead.low <= lead.mean <= lead.high
    assert found["fused", False, 10].lead is None
    assert found["vector", True, 100].recall.cases == 1
    assert found["fused", True, 100].recall.mean == 0.5


def test_without_new_queries_nothing_is_said_of_them():
    summary = summarise_fusion(fit([False] * 4), (10, 100), Path("out"), n_resamples=50)
    assert not any(score.new_queries for score in summary.scores)
