"""Leaks planted in a clean graph, one at a time: each is found and named, and no other error is reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from planting import change_examples, read_edges, seal_graph, write_edges

from gnn_search.audit.check import Finding
from gnn_search.audit.run import audit
from gnn_search.graph.store import Graph
from gnn_search.layout import GraphLayout

PURCHASE, REV_PURCHASE = ("user", "purchase", "product"), ("product", "rev_purchase", "user")
BOUGHT_WITH, REV_BOUGHT_WITH = ("product", "bought_with", "product"), ("product", "rev_bought_with", "product")


def only_error(path: Path, check: str) -> Finding:
    errors = audit(Graph.open(path)).of("error")
    assert [finding.check for finding in errors] == [check], errors
    assert 1 <= len(errors[0].examples) <= 3
    return errors[0]


def only_warning(path: Path, check: str) -> Finding:
    report = audit(Graph.open(path))
    assert report.of("error") == []
    (found,) = report.of("warning")
    assert found.check == check
    return found


def test_the_clean_graph_gives_neither_error_nor_warning(clean_graph):
    report = audit(clean_graph)
    assert report.of("error", "warning") == []
    assert {"later-events", "test-edges", "mirrors", "bought-with", "lost-events"} <= set(report.clean)


@pytest.mark.parametrize(("split", "later"), [("train", "validation"), ("train", "test"), ("validation", "test")])
def test_an_example_from_after_the_cut(graph, split, later):
    one = Graph.open(graph).examples(later)[:1]
    change_examples(graph, split, lambda examples: pl.concat([examples, one]))
    found = only_error(graph, "later-events")
    assert audit(Graph.open(graph)).of("warning") == []
    assert found.count == 1
    assert f"examples/{split}.parquet holds events at or after" in found.meaning
    products = Graph.open(graph).nodes("product")["product_id"]
    assert found.examples[0]["product_id"] == products[one["product"][0]]


def test_a_test_example_from_before_the_test_period(graph):
    start = Graph.open(graph).manifest.test_start
    change_examples(
        graph,
        "test",
        lambda examples: examples.with_columns(time=pl.when(pl.col("time") == pl.col("time").max()).then(start - 1).otherwise("time")),
    )
    assert "examples/test.parquet holds events from before 2024-02-22 00:00:00" in only_error(graph, "later-events").meaning


@pytest.mark.parametrize("edge_type", [PURCHASE, REV_PURCHASE, ("product", "rev_leads_to", "query"), BOUGHT_WITH])
def test_a_row_that_is_not_sorted_by_time(graph, edge_type):
    folder = GraphLayout(graph).edges(*edge_type)
    indptr, time = np.load(folder / "indptr.npy"), np.load(folder / "time.npy")
    start = Graph.open(graph).manifest.test_start
    row = next(row for row in range(len(indptr) - 1) if time[indptr[row]] < start <= time[indptr[row + 1] - 1])
    for name in ("index", "time", "weight"):
        column = np.load(folder / f"{name}.npy")
        column[indptr[row] : indptr[row + 1]] = column[indptr[row] : indptr[row + 1]][::-1].copy()
        np.save(folder / f"{name}.npy", column)
    seal_graph(graph)
    found = only_error(graph, "later-events")
    assert found.count == 1
    assert f"Rows of the relation {'--'.join(edge_type)} are not sorted by time" in found.meaning


@pytest.mark.parametrize(
    "edge_type",
    [PURCHASE, REV_PURCHASE, ("query", "leads_to", "product"), ("product", "rev_leads_to", "query"), ("user", "issues", "query")],
)
def test_a_test_edge_shown_before_the_cut(graph, edge_type):
    start = Graph.open(graph).manifest.test_start
    edges = read_edges(graph, edge_type)
    moved = int(np.argmax(edges["time"]))
    edges["time"][moved] = start - 1
    write_edges(graph, edge_type, edges)
    found = only_error(graph, "test-edges")
    assert found.count == 1
    assert f"The relation {'--'.join(edge_type)} holds edges dated before their events" in found.meaning
    assert "1 are visible before 2024-02-22 00:00:00" in found.meaning
    assert found.examples[0]["time"] == "2024-02-21 23:59:59"


def test_an_edge_shown_before_it_happened_within_training(graph):
    edges = read_edges(graph, PURCHASE)
    train = Graph.open(graph).manifest.validation_start
    edges["time"][np.flatnonzero(edges["time"] < train)[-1]] = Graph.open(graph).manifest.time_first
    write_edges(graph, PURCHASE, edges)
    assert "0 are visible before" in only_error(graph, "test-edges").meaning


def test_a_relation_of_events_without_times(graph):
    edges = read_edges(graph, REV_PURCHASE)
    del edges["time"]
    write_edges(graph, REV_PURCHASE, edges)
    assert "product--rev_purchase--user is stored without times" in only_error(graph, "test-edges").meaning


@pytest.mark.parametrize("timed", [False, True])
def test_test_edges_in_a_relation_beside_the_events(graph, timed):
    test = Graph.open(graph).examples("test").drop_nulls("user")
    edges = {"row": test["product"].to_numpy(), "index": test["user"].to_numpy(), "weight": np.ones(test.height)}
    if timed:
        edges["time"] = np.full(test.height, Graph.open(graph).manifest.time_first)
    write_edges(graph, ("user", "likes", "product"), edges)
    if timed:
        # Its times may be true: that users liked before they bought is no leak.
        assert "100 % of the pairs" in only_warning(graph, "test-edges").meaning
    else:
        report = audit(Graph.open(graph))
        assert [finding.check for finding in report.of("error")] == ["test-edges"]
        assert "user--likes--product has no times" in report.of("error")[0].meaning
        assert [finding.check for finding in report.of("warning")] == ["timeless-relations"]


def test_events_that_are_no_edges(graph):
    edges = {name: column[1:] for name, column in read_edges(graph, PURCHASE).items()}
    write_edges(graph, PURCHASE, edges)
    assert "0 edges have no event, 1 events no edge" in only_warning(graph, "test-edges").meaning


@pytest.mark.parametrize("edge_type", [("category", "rev_in", "product"), REV_BOUGHT_WITH])
def test_a_reverse_relation_that_does_not_mirror(graph, edge_type):
    snapshots = Graph.open(graph).relations[edge_type].snapshots
    edges = {name: column[1:] for name, column in read_edges(graph, edge_type).items()}
    write_edges(graph, edge_type, edges, snapshots=snapshots)
    found = only_error(graph, "mirrors")
    assert found.count == 1
    assert "1 edges are only in the first and 0 only in the second" in found.meaning


def test_products_bought_together_counted_with_later_data(graph):
    manifest = Graph.open(graph).manifest
    for edge_type in (BOUGHT_WITH, REV_BOUGHT_WITH):
        snapshots = Graph.open(graph).relations[edge_type].snapshots
        edges = read_edges(graph, edge_type)
        # What was counted after the last event is shown when validation starts.
        kept = edges["time"] != manifest.validation_start - 1
        last = edges["time"] == snapshots[-1] - 1
        later = {name: np.concatenate([column[kept], column[last]]) for name, column in edges.items()}
        later["time"][kept.sum() :] = manifest.validation_start - 1
        write_edges(graph, edge_type, later, snapshots=snapshots)
    found = only_error(graph, "bought-with")
    assert 10 < found.count < 182
    assert "had not been bought together 2 times" in found.meaning
    assert set(found.examples[0]) == {"product_id", "other_product_id", "relation", "time"}


def test_products_bought_together_without_snapshots(graph):
    for edge_type in (BOUGHT_WITH, REV_BOUGHT_WITH):
        edges = read_edges(graph, edge_type)
        del edges["time"]
        write_edges(graph, edge_type, edges)
    assert "bought_with has no snapshots" in only_error(graph, "bought-with").meaning


@pytest.mark.parametrize("timed", [False, True])
def test_categories_of_queries_computed_with_later_data(graph, timed):
    opened = Graph.open(graph)
    test = opened.examples("test")
    category = np.asarray(opened.taxonomy.product_category)[test["product"].to_numpy()]
    edges = {"row": category, "index": test["query"].to_numpy(), "weight": np.ones(test.height)}
    if timed:
        edges["time"] = np.full(test.height, opened.manifest.test_start - 1)
    write_edges(graph, ("query", "means", "category"), edges)
    found = only_error(graph, "query-categories")
    assert found.count >= 2
    assert "category_id" in found.examples[0]


def test_categories_of_queries_that_were_known(graph):
    opened = Graph.open(graph)
    train = opened.examples("train")
    category = np.asarray(opened.taxonomy.product_category)[train["product"].to_numpy()]
    edges = {"row": category, "index": train["query"].to_numpy(), "weight": np.ones(train.height), "time": train["time"].to_numpy()}
    write_edges(graph, ("query", "means", "category"), edges)
    assert audit(Graph.open(graph)).of("error", "warning") == []


@pytest.mark.parametrize("end", ["all", "before"])
def test_a_popularity_column_counted_to_the_end(graph, end):
    """Counted up to the end it is an error, up to the cut none."""
    opened = Graph.open(graph)
    splits = ["train"] if end == "before" else ["train", "validation", "test"]
    chosen = np.concatenate([opened.examples(split)["product"].to_numpy() for split in splits])
    products = opened.nodes("product").with_columns(price=pl.Series(np.bincount(chosen, minlength=40).astype(np.float64)))
    products.write_parquet(GraphLayout(graph).nodes("product"))
    seal_graph(graph)
    if end == "before":
        assert audit(Graph.open(graph)).of("error") == []
    else:
        found = only_error(graph, "popularity")
        assert "'price' counts a product's events" in found.meaning
        assert set(found.examples[0]) == {"product_id", "price"}


@pytest.mark.parametrize(("source", "target"), [("train", "test"), ("train", "validation"), ("validation", "test")])
def test_the_same_event_on_both_sides_of_a_cut(graph, source, target):
    copied = Graph.open(graph).examples(source)[3:5]
    change_examples(graph, target, lambda examples: pl.concat([copied, examples]))
    found = only_error(graph, "straddling-copies")
    assert audit(Graph.open(graph)).of("warning") == []
    assert found.count == 2
    assert found.examples[0]["action"] == copied["action"][0]


@pytest.mark.parametrize("node_type", ["user", "query", "product"])
def test_an_example_of_what_the_graph_lacks(graph, node_type):
    many = Graph.open(graph).num_nodes[node_type]
    number = pl.when(pl.int_range(pl.len()) == 0).then(many + 5).otherwise(node_type).cast(pl.Int32)
    change_examples(graph, "test", lambda examples: examples.with_columns(number.alias(node_type)))
    found = only_error(graph, "lost-events")
    assert found.count == 1
    assert f"no {node_type} (number {many + 5} of {many})" in found.examples[0].values()


def test_held_out_users_that_are_known(clean_graph, graph):
    out = clean_graph.examples("train").head(3).with_columns(new_user=pl.lit(True), new_product=pl.lit(False))
    out.write_parquet(graph / "examples" / "held_out.parquet")
    seal_graph(graph, num_examples={**clean_graph.manifest.num_examples, "held_out": 3})
    found = [finding for finding in audit(Graph.open(graph)).of("error") if finding.check == "held-out"]
    assert any("Examples from before" in finding.meaning for finding in found)
    assert any("user--purchase--product" not in finding.meaning and "rev_purchase" in finding.meaning for finding in found)
    held = clean_graph.nodes("user")["user_id"].gather(out["user"].drop_nulls())
    assert {example["user_id"] for example in found[0].examples} <= set(held)
