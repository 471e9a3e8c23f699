"""Ways through the graph: by hand, against a search of the whole graph, and nothing from the future."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, log, prod

import networkx as nx
import pytest

from gnn_search.explanation.paths import EdgeReader, PathFinder
from gnn_search.graph.id_lookup import find_node
from gnn_search.graph.store import to_time


def day(number: int) -> int:
    return to_time(datetime(2020, 1, 1) + timedelta(days=number))


def node(graph, node_type, shop_id):
    return node_type, find_node(graph, node_type, shop_id)


def test_shares_count_by_recency(fruit_shop):
    """Bob asked for apples on day 4 and for roots on day 5, ann for apples on days 1, 2 and 3."""
    edges = EdgeReader(fruit_shop.before(day(10)), half_life=1)
    issued = [edge for edge in edges.of(node(fruit_shop, "user", "bob"), 9) if edge.relation[1] == "rev_issues"]
    shares = {edge.to: edge.share for edge in issued}
    assert shares[node(fruit_shop, "query", "apple")] == pytest.approx(1 / 3)
    assert shares[node(fruit_shop, "query", "root")] == pytest.approx(2 / 3)
    apple = [edge for edge in edges.of(node(fruit_shop, "query", "apple"), 9) if edge.to == node(fruit_shop, "user", "ann")]
    assert [(edge.count, edge.last) for edge in apple] == [(3, day(3))]
    assert apple[0].share == pytest.approx((0.125 + 0.25 + 0.5) / (0.125 + 0.25 + 0.5 + 1))


def test_being_shown_is_no_way(fruit_shop):
    """Ann was shown p2 on day 3 and chose nothing else of its category."""
    view = fruit_shop.before(day(10))
    assert {edge.relation[1] for edge in EdgeReader(view, 1).of(node(fruit_shop, "product", "p2"), 9)} == {"rev_in"}
    assert PathFinder(view, 1).find(node(fruit_shop, "user", "ann"), find_node(fruit_shop, "product", "p2")) == ()


def test_few_edges_and_wanted_ones(fruit_shop):
    edges, apple = EdgeReader(fruit_shop.before(day(10)), half_life=1), node(fruit_shop, "query", "apple")
    only = [edge.to for edge in edges.of(apple, 1) if edge.relation[1] == "rev_leads_to"]
    assert only == [node(fruit_shop, "product", "p1")]
    wanted = node(fruit_shop, "product", "p0")
    assert [edge.to for edge in edges.of(apple, 0, {wanted})] == [wanted]


def test_by_hand(fruit_shop):
    """Before day 10 ann bought p0 alone; p1 is bob's, chosen for the same query."""
    ways = PathFinder(fruit_shop.before(day(10)), 1e9).find(node(fruit_shop, "user", "ann"), find_node(fruit_shop, "product", "p1"))
    first = ways[0]
    assert [(step.words, step.to_id) for step in first.steps] == [
        ("searched 3 times, last on 2020-01-04, for", "apple"),
        ("found once on 2020-01-05", "p1"),
    ]
    # All of her queries are this one; it led three times somewhere, once to p1.
    assert first.length == pytest.approx(2 * log(2) + log(3))
    assert first.steps[-1].to_name == "green apple"
    assert [step.share for step in first.steps] == [pytest.approx(1), pytest.approx(1 / 3)]
    through_category = next(way for way in ways if way.steps[1].to_type == "category")
    assert [step.to_id for step in through_category.steps] == ["p0", "fruit > apple", "p1"]
    assert [step.words for step in through_category.steps][1:] == ["lies in", "holds"]


def test_no_way(fruit_shop):
    finder = PathFinder(fruit_shop.before(day(10)), 1)
    assert finder.find(node(fruit_shop, "user", "ann"), find_node(fruit_shop, "product", "p5")) == ()
    assert PathFinder(fruit_shop.before(day(0)), 1).find(node(fruit_shop, "user", "ann"), find_node(fruit_shop, "product", "p0")) == ()


def test_the_future_is_no_way(fruit_shop):
    ann, p1 = node(fruit_shop, "user", "ann"), find_node(fruit_shop, "product", "p1")
    direct = [len(PathFinder(fruit_shop.before(day(moment)), 5).find(ann, p1)[0].steps) for moment in (11, 12)]
    assert direct == [2, 1]


def test_equals_a_search_of_the_whole_graph(tiny_graph):
    view = tiny_graph.before(tiny_graph.manifest.test_start)
    edges, whole = EdgeReader(view, 30), nx.DiGraph()
    for node_type, count in tiny_graph.num_nodes.items():
        for number in range(count):
            for edge in edges.of((node_type, number), 10_000):
                known = whole.get_edge_data((node_type, number), edge.to, {"length": float("inf")})
                whole.add_edge((node_type, number), edge.to, length=min(edge.length, known["length"]))
    finder = PathFinder(view, 30)
    for start, product in [(("user", 3), 5), (("user", 0), 17), (("query", 2), 30), (("query", 9), 9), (("user", 7), 39)]:
        paths = nx.all_simple_paths(whole, start, ("product", product), cutoff=3)
        lengths = sorted(sum(whole.edges[pair]["length"] for pair in pairwise(path)) for path in paths)[:3]
        found = finder.find(start, product)
        assert [way.length for way in found] == pytest.approx(lengths)
        for way in found:
            assert exp(-way.length) == pytest.approx(0.5 ** len(way.steps) * prod(step.share for step in way.steps))
