"""Judgements in the graph: interactions without users, each query at a place in time of its own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from judgement_shops import JUDGEMENTS, RELEVANT, anonymous_events, judged_pairs, write_judgement_shop
from shops import build

from gnn_search.errors import ConfigError, TableError
from gnn_search.graph.build import build_graph
from gnn_search.graph.cases import build_cases
from gnn_search.graph.judgements import JUDGEMENTS as STORED
from gnn_search.graph.store import Graph


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Graph:
    return build(write_judgement_shop(tmp_path_factory.mktemp("judgements")), tmp_path_factory.mktemp("graph") / "graph")


@pytest.fixture(scope="module")
def beside(tmp_path_factory) -> Graph:
    return build(write_judgement_shop(tmp_path_factory.mktemp("both"), events=True), tmp_path_factory.mktemp("graph") / "graph")


def named(graph: Graph, frame: pl.DataFrame) -> pl.DataFrame:
    """Return queries and products by the shop's own names."""
    return frame.with_columns(
        graph.nodes("query")["query"].gather(frame["query"]),
        graph.nodes("product")["product_id"].gather(frame["product"]).alias("product_id"),
    )


def test_relevant_pairs_are_interactions_of_their_split_without_users(alone):
    assert alone.num_nodes["user"] == 0
    assert alone.manifest.actions == ("judged",)
    for split in ("train", "validation", "test"):
        found = named(alone, alone.examples(split))
        wanted = judged_pairs().filter((pl.col("split") == split) & (pl.col("grade") >= RELEVANT))
        assert set(found.select("query", "product_id").rows()) == set(wanted.select("query", "product_id").rows())
        assert found["user"].is_null().all()
        weight = found.join(wanted, on=["query", "product_id"])
        # Gains of 1 and 2, of which the higher is the weight 1.
        assert (weight["weight"] == (weight["grade"] - 1) / 2).all()


def test_a_view_shows_a_query_the_answers_of_earlier_queries_and_none_of_its_own(alone):
    pairs = pl.concat(alone.examples(split) for split in ("train", "validation", "test"))
    queries = pairs.group_by("query").agg(pl.col("time").unique())
    assert (queries["time"].list.len() == 1).all()
    queries = queries.explode("time")
    for query, time in queries.rows():
        shown = set(alone.before(time).edges(("product", "rev_leads_to", "query")).flatten()[0].tolist())
        assert shown == set(queries.filter(pl.col("time") < time)["query"].to_list())
        assert query not in shown


def test_beside_events_a_view_shows_a_query_its_clicks_alone(beside):
    events = pl.concat(beside.examples(split) for split in ("train", "validation", "test"))
    pairs = events.filter(pl.col("action") == "judged").group_by("query").agg(pl.col("time").first())
    seen = 0
    for query, time in pairs.rows():
        shown = beside.before(time).edges(("product", "rev_leads_to", "query")).flatten()[0]
        clicks = events.filter((pl.col("action") == "click") & (pl.col("query") == query) & (pl.col("time") < time)).height
        assert np.count_nonzero(shown == query) == clicks
        seen += clicks
    assert seen


def test_splits_lie_between_the_cuts_and_queries_are_spread_evenly(alone):
    manifest = alone.manifest
    for split, start, end in (
        ("train", 0, manifest.validation_start),
        ("validation", manifest.validation_start, manifest.test_start),
        ("test", manifest.test_start, 2**62),
    ):
        time = alone.examples(split)["time"]
        assert start <= time.min() <= time.max() < end
    times = np.unique(np.concatenate([alone.examples(split)["time"].to_numpy() for split in ("train", "validation", "test")]))
    assert len(times) == 25
    assert np.unique(np.diff(times)).tolist() == [4 * 86_400_000_000]


def test_beside_events_they_lie_among_those_of_their_period(beside):
    assert beside.manifest.actions == ("click", "judged")
    for split in ("train", "validation", "test"):
        examples = beside.examples(split)
        clicks, judged = (examples.filter(pl.col("action") == action)["time"] for action in beside.manifest.actions)
        assert clicks.min() <= judged.min() <= judged.max() <= clicks.max()
    assert sum(beside.manifest.num_examples[split] for split in ("train", "validation", "test")) == anonymous_events().height + 70
    # Clicks and judgements are cases alike.
    assert len(build_cases(beside)) > 5


def test_all_pairs_are_stored(alone):
    stored = named(alone, alone.examples(STORED))
    assert alone.manifest.num_examples[STORED] == stored.height
    wanted = judged_pairs().with_columns(pl.col("grade").cast(pl.Float32))
    assert set(stored.select("query", "product_id", "grade", "split").rows()) == set(wanted.rows())
    assert (stored["relevant"] == (stored["grade"] >= RELEVANT)).all()
    assert (stored["gain"] == stored["grade"].cast(pl.Float64) - 1).all()
    numbers = alone.examples(STORED).select("query", "product")
    assert numbers.equals(numbers.sort("query", "product"))


def test_a_case_is_a_query_with_its_relevant_products(alone):
    cases = build_cases(alone)
    assert (cases.user == -1).all()
    assert np.unique(cases.query).tolist() == np.sort(cases.query).tolist()
    assert sorted(np.diff(cases.indptr).tolist()) == [2, 3, 3, 3, 3]


def test_the_seed_decides_the_order(alone, tmp_path):
    def order(graph: Graph) -> list[str]:
        return named(graph, graph.examples("train"))["query"].unique(maintain_order=True).to_list()

    same = build(write_judgement_shop(tmp_path / "a"), tmp_path / "same")
    assert same.manifest.hash == alone.manifest.hash
    other = build(write_judgement_shop(tmp_path / "b", table={**JUDGEMENTS, "seed": 1}), tmp_path / "other")
    assert order(other) != order(alone)
    assert sorted(order(other)) == sorted(order(alone))


def test_a_query_without_a_relevant_product_is_a_node(tmp_path):
    more = pl.DataFrame([("odd thing", "red-drill", 1.0, "test")], schema=judged_pairs().schema, orient="row")
    graph = build(write_judgement_shop(tmp_path / "shop", pl.concat([judged_pairs(), more])), tmp_path / "graph")
    assert "odd thing" in graph.nodes("query")["query"]
    assert len(build_cases(graph)) == 5


def test_what_is_refused(tmp_path):
    recipe = write_judgement_shop(tmp_path / "shop", events=True)
    recipe.write_text(recipe.read_text().replace("default_action: click", "default_action: judged"))
    with pytest.raises(TableError, match="the action 'judged' is that of judged pairs, which this recipe has too; rename it"):
        build(recipe, tmp_path / "graph")
    with pytest.raises(ConfigError, match="a split by judgements has none; give a split by time or column"):
        build_graph(write_judgement_shop(tmp_path / "alone"), tmp_path / "alone", tmp_path / "graph", back=1)
    both = write_judgement_shop(tmp_path / "both", events=True)
    both.write_text(
        both.read_text()
        .replace("by: time", "by: judgements")
        .replace("  validation: 2024-01-21 00:00:00\n", "")
        .replace("  test: 2024-01-26 00:00:00\n", "")
    )
    with pytest.raises(ConfigError, match=r"a recipe without tables\.events is split by judgements"):
        build(both, tmp_path / "graph")
