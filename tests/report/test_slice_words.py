"""Slices in words."""

from __future__ import annotations

from gnn_search.evaluation.slices import built_in_slices
from gnn_search.graph.cases import build_cases
from gnn_search.report.slice_findings import slice_words


def test_every_built_in_slice_is_described(tiny_graph):
    names = [part.name for part in built_in_slices(build_cases(tiny_graph), tiny_graph)]
    labels = set(tiny_graph.examples("test")[tiny_graph.manifest.labels[0]].drop_nulls().unique())
    described = slice_words(names)
    assert {name for name, words in described.items() if words.startswith("as the shop's recipe says")} <= labels
    assert described["repeat"] == "products with which the user had interacted before the period"
    assert any(name.startswith("category: ") for name in names)
    assert sum(name.startswith("category: ") for name in described) == 1


def test_what_the_shop_declares():
    assert slice_words(["dear"]) == {"dear": "as the shop's recipe says: a value of a label, or a slice that it declares"}
