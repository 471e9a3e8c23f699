"""What is told of negatives."""

from __future__ import annotations

import numpy as np

from gnn_search.report.negatives_part import describe_negatives, read_samplers
from gnn_search.trained.model import open_model


def test_samplers_and_examples_of_the_queries_asked_most(recorded_model):
    model = open_model(recorded_model)
    found = describe_negatives(model, queries=2, each=3)
    assert found is not None
    assert [one.kind for one in found.samplers] == [negative.kind for negative in model.config.negatives]
    train = model.graph.examples("train")
    asked = np.bincount(train["query"].to_numpy(), minlength=model.graph.num_nodes["query"])
    names = model.graph.nodes("query")["query"]
    most = sorted(asked.tolist(), reverse=True)[:2]
    assert [int(asked[names.to_list().index(one.query)]) for one in found.examples] == most
    for shown in found.examples:
        assert all(negative.reason for sampler in shown.samplers for negative in sampler.negatives)
    assert found.left_out == ()


def test_a_model_without_a_study(tiny_model):
    assert describe_negatives(open_model(tiny_model)) is None
    assert read_samplers({"negatives": [{"kind": "uniform", "draws": 1, "study": None}]}) == ()
