"""A moment is the start of the test period, now, or what the reader says."""

from __future__ import annotations

import pytest

from gnn_search.errors import RequestError
from gnn_search.graph.as_of import resolve_as_of

FEBRUARY = 1_706_745_600_000_000


def test_by_default_the_start_of_the_test_period(tiny_graph):
    assert resolve_as_of(tiny_graph, None) == tiny_graph.manifest.test_start


def test_now_is_just_after_the_last_event(tiny_graph):
    now = resolve_as_of(tiny_graph, "now")
    assert now == tiny_graph.manifest.time_last + 1
    edge_type = ("query", "leads_to", "product")
    assert len(tiny_graph.before(now).edges(edge_type).flatten()[0]) == tiny_graph.csr(edge_type).num_edges


@pytest.mark.parametrize("text", ["2024-02-01", "2024-02-01T00:00", " 2024-02-01 00:00:00Z", "2024-02-01T02:00+02:00"])
def test_iso_text(tiny_graph, text):
    assert resolve_as_of(tiny_graph, text) == FEBRUARY


@pytest.mark.parametrize("text", ["yesterday", "", "2024-13-01"])
def test_anything_else_is_refused(tiny_graph, text):
    with pytest.raises(RequestError, match="is no ISO 8601 date or time; give one such as 2017-11-20"):
        resolve_as_of(tiny_graph, text)
