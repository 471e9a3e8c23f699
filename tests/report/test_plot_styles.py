"""How methods are drawn."""

from __future__ import annotations

from gnn_search.report.drawing import COLOURS
from gnn_search.report.looks import looks_of


def test_every_method_has_a_look_of_its_own_and_the_best_ones_a_colour():
    methods = ["rival 0", "gnn-search", "gnn-search, walk", *(f"rival {number}" for number in range(1, 13))]
    looks = looks_of(methods, "gnn-search")
    assert len(set(looks.values())) == len(methods) == len(looks)
    assert looks["gnn-search"] == (COLOURS[0], "-", "*")
    assert looks["gnn-search, walk"].line == "--"
    assert len({looks[name].colour for name in methods[: len(COLOURS)]}) == len(COLOURS)
