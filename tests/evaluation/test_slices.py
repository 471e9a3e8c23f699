from __future__ import annotations

from dataclasses import replace

import polars as pl

from gnn_search.evaluation.slices import MOST_LABEL_VALUES, built_in_slices
from gnn_search.graph.cases import build_cases


def test_slices_by_hand(fruit_shop):
    # Rows: ann broad p0 (repeat) and p2, ann narrow p1 (repeat), bob p2 for the new query, then nobody p3 p4 and p3.
    cases = build_cases(fruit_shop)
    found = {part.name: part.rows.astype(int).tolist() for part in built_in_slices(cases, fruit_shop)}
    assert found == {
        "all": [1, 1, 1, 1, 1, 1, 1],
        "broad": [1, 1, 0, 0, 0, 0, 0],
        "narrow": [0, 0, 1, 1, 1, 1, 1],
        "repeat": [1, 0, 1, 0, 0, 0, 0],
        "first-time": [0, 1, 0, 1, 0, 0, 0],
        "new product": [0, 1, 0, 1, 0, 0, 0],
        "new query": [0, 0, 0, 1, 0, 0, 0],
        "anonymous": [0, 0, 0, 0, 1, 1, 1],
    }


def test_empty_slices_are_left_out(fruit_shop):
    names = [part.name for part in built_in_slices(build_cases(fruit_shop, "validation"), fruit_shop)]
    assert names == ["all", "broad", "first-time"]


def test_values_that_two_slices_share_name_their_column(fruit_shop):
    cases = build_cases(fruit_shop)
    labels = pl.DataFrame({"form": ["broad", "all", "b", None, "b"], "size": ["broad", "c", "c", "c", None]})
    names = [part.name for part in built_in_slices(replace(cases, labels=labels), fruit_shop)]
    assert names[:6] == ["all", "form=all", "b", "form=broad", "size=broad", "c"]


def test_only_the_most_frequent_values_get_a_slice(make_graph):
    events = [("ann", "apple", "p0", day, "purchase", f"s{day}", "x") for day in (1, 12)]
    events += [("ann", f"apple {i}", "p0", 21, "purchase", f"t{i}", f"value{min(i, 12):02}") for i in range(16)]
    graph = make_graph([("p0", "apple", None, None)], events)
    names = [part.name for part in built_in_slices(build_cases(graph), graph) if part.name.startswith("value")]
    assert len(names) == MOST_LABEL_VALUES
    assert "value12" in names
