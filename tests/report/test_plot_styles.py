"""How methods are drawn."""

from __future__ import annotations

from gnn_search.report.drawing import COLOURS, plot_styles


def test_every_method_has_a_style_of_its_own_and_the_best_ones_a_colour():
    methods = ["rival 0", "gnn-search", "gnn-search, walk", *(f"rival {number}" for number in range(1, 13))]
    styles = plot_styles(methods, "gnn-search")
    assert len(set(styles.values())) == len(methods) == len(styles)
    assert styles["gnn-search"] == (COLOURS[0], "-", "*")
    assert styles["gnn-search, walk"].line == "--"
    assert len({styles[name].colour for name in methods[: len(COLOURS)]}) == len(COLOURS)
