"""Axes of logarithms speak plainly."""

from __future__ import annotations

import pytest

from gnn_search.report.figures import draw_indices
from gnn_search.report.search_speed import IndexSpeed, SearchSpeed, SingleSearch


def test_less_than_a_power_of_ten_is_written_in_figures():
    pytest.importorskip("matplotlib", reason="drawing needs the extra 'report'")
    plain = IndexSpeed(kind="", products=9, k=9, queries=9, median_ms=1, p95_ms=1, p99_ms=1, recall=1, bytes_product=9)
    indices = tuple(
        plain.model_copy(update={"kind": f"_index {number}", "median_ms": ms, "p99_ms": ms, "recall": 1 - ms / 100})
        for number, ms in enumerate((0.32, 0.45, 0.61))
    )
    single = SingleSearch(searches=1, k=1, median_ms=1, p95_ms=1, p99_ms=1)
    svg = draw_indices(SearchSpeed(k=10, methods=(), single=single, indices=indices, threads=1, processor=""))
    assert "mathdefault" not in svg
    assert ">0.5<" in svg
    assert all(one.kind in svg for one in indices)
