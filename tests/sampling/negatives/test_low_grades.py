"""Negatives that people judged: which they are, the same for the same seed, and where there are none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from judgement_shops import RELEVANT, judged_pairs, write_judgement_shop
from shops import build
from towers import tiny_config

from gnn_search.errors import ConfigError
from gnn_search.graph.store import Graph
from gnn_search.sampling.batches import BatchSampler
from gnn_search.sampling.negatives.base import UNIFORM
from gnn_search.sampling.negatives.low_grades import low_grade_lists

NEGATIVES = [{"kind": "in_batch"}, {"kind": "low_grade", "count": 3}]


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Graph:
    """The shop of judgements, one of whose training queries has relevant products alone."""
    pairs = judged_pairs().filter((pl.col("query") != "red drill") | (pl.col("grade") >= RELEVANT))
    more = pl.DataFrame([("blue drill", "green-lamp", 1.5, "train")], schema=pairs.schema, orient="row")
    return build(
        write_judgement_shop(tmp_path_factory.mktemp("shop"), pl.concat([pairs, more])), tmp_path_factory.mktemp("graph") / "graph"
    )


def names(graph: Graph, product: np.ndarray) -> list[str]:
    return graph.nodes("product")["product_id"].gather(product[product >= 0]).to_list()


def test_lists_hold_what_is_not_relevant_of_training_queries(graph):
    lists = low_grade_lists(graph)
    wanted = {"blue drill": ["green-lamp", "red-hammer"], "green drill": ["red-hammer"], "red drill": [], "drill": []}
    found = {query: names(graph, lists[row]) for row, query in enumerate(graph.nodes("query")["query"])}
    assert {query: found[query] for query in wanted} == wanted
    assert judged_pairs().filter((pl.col("query") == "drill") & (pl.col("split") == "train")).is_empty()


def test_draws(graph):
    first, again = (BatchSampler(graph, tiny_config(negatives=NEGATIVES)) for _ in range(2))
    lists, fallen = low_grade_lists(graph), 0
    for step in range(first.steps_per_epoch):
        positives = first.positives(0, step)
        drawn = first.negatives.own["low_grade"].draw(positives, 0)
        assert drawn.product.tobytes() == again.negatives.own["low_grade"].draw(again.positives(0, step), 0).product.tobytes()
        for query, product, reason, valid in zip(positives.query, drawn.product, drawn.reason, drawn.valid, strict=True):
            mine = set(lists[query][lists[query] >= 0].tolist())
            if mine:
                assert set(product.tolist()) <= mine
                assert valid.all()
            else:
                assert (reason == UNIFORM).all()
                fallen += 1
    assert fallen
    assert first.make(0, 0).own[0].name == "low_grade"


def test_what_is_refused(tiny_graph, tmp_path):
    with pytest.raises(ConfigError, match=r"negatives of the kind low_grade need judgements, and the graph .* has none; leave them out"):
        BatchSampler(tiny_graph, tiny_config(negatives=NEGATIVES))
    only = build(write_judgement_shop(tmp_path / "shop", judged_pairs().filter(pl.col("grade") >= RELEVANT)), tmp_path / "graph")
    with pytest.raises(ConfigError, match=r"every training judgement of the graph .* is relevant"):
        low_grade_lists(only)
