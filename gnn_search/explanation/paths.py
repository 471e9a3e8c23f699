"""Find the shortest paths through the graph from a user or a query to a product."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from itertools import pairwise
from math import log
from typing import cast

import networkx as nx
import numpy as np

from gnn_search.explanation.result import GraphPath, NodeType, PathStep
from gnn_search.graph.store import SHOWN_ONLY, EdgeType, Graph, GraphView, to_datetime

_MOST_STEPS = 3
_FAN_OUT = 32
"""Edges of each relation that are followed from the first node, and back from the product."""


class PathFinder:
    """Finds paths of at most three steps, the shortest by the length of `GraphPath`: those that a random walk most likely takes.

    Of the first node and of the product the 32 edges of each relation that count most are followed, and whatever joins their other ends
    is found; so the cost does not grow with the graph.

    Args:
        half_life: Age in days at which an edge counts half.
    """

    def __init__(self, view: GraphView, half_life: float) -> None:
        self._edges, self._graph = EdgeReader(view, half_life), view.graph

    def find(self, start: Node, product: int, most: int = 3) -> tuple[GraphPath, ...]:
        """Return the shortest paths from a node to a product, the shortest first; none where there is none so short."""
        goal = ("product", product)
        around = self._around(start, goal)
        if start not in around or goal not in around:
            return ()
        paths = (
            [around.edges[pair]["edge"] for pair in pairwise(path)] for path in nx.all_simple_paths(around, start, goal, cutoff=_MOST_STEPS)
        )
        return tuple(
            GraphPath(length=sum(edge.length for edge in path), steps=tuple(_describe_step(self._graph, edge) for edge in path))
            for path in nsmallest(most, paths, key=lambda path: (sum(edge.length for edge in path), [edge.to for edge in path]))
        )

    def _around(self, start: Node, goal: Node) -> nx.DiGraph[Node]:
        """Return the edges on paths of at most three steps, of several between the same two nodes the shortest."""
        before_goal = {edge.to for edge in self._edges.of(goal, _FAN_OUT)} - {start}
        ends = before_goal | {goal}
        around: nx.DiGraph[Node] = nx.DiGraph()
        first = self._edges.of(start, _FAN_OUT, ends)
        _add(around, start, first)
        after_start = {edge.to for edge in first} - {goal}
        for node in sorted(after_start):
            _add(around, node, self._edges.of(node, 0, ends))
        for node in sorted(before_goal - after_start):
            _add(around, node, self._edges.of(node, 0, {goal}))
        return around


def _add(around: nx.DiGraph[Node], node: Node, edges: list[Edge]) -> None:
    for edge in edges:
        if not around.has_edge(node, edge.to) or edge.length < around.edges[node, edge.to]["edge"].length:
            around.add_edge(node, edge.to, edge=edge)


Node = tuple[str, int]
"""A node's type and number."""

_READ = 20_000
"""Latest entries of a row that are read."""
_DAY = 86_400e6


@dataclass(frozen=True)
class Edge:
    """All entries that join one node with another by one relation.

    Attributes:
        relation: Its rows are nodes of the type that is left, its entries those that are reached.
        share: Of the weight, by recency, of all entries of the row.
        last: When the last one came about, µs; None for a relation without time.
    """

    relation: EdgeType
    to: Node
    share: float
    count: int
    weight: float
    last: int | None

    @property
    def length(self) -> float:
        """-ln of the probability that a walk that stops before a step in every other case takes this one."""
        return log(2) - log(self.share)


class EdgeReader:
    """Reads the edges of nodes in a view."""

    def __init__(self, view: GraphView, half_life: float) -> None:
        self._view, self._half_life = view, half_life
        positive = {name for action in view.graph.positive_actions for name in (action, f"rev_{action}")}
        shown = {name for action in SHOWN_ONLY for name in (action, f"rev_{action}")} - positive
        self._leaving: dict[str, list[EdgeType]] = {}
        for edge_type in view.graph.edge_types:
            if edge_type[1] not in shown:
                self._leaving.setdefault(edge_type[2], []).append(edge_type)

    def of(self, node: Node, most: int, wanted: set[Node] | None = None) -> list[Edge]:
        """Return, of each relation, a node's `most` edges of the largest shares, and any to a wanted node."""
        return [edge for relation in self._leaving.get(node[0], []) for edge in self._of_relation(relation, node[1], most, wanted or set())]

    def _of_relation(self, relation: EdgeType, row: int, most: int, wanted: set[Node]) -> list[Edge]:
        edges, source = self._view.edges(relation), relation[0]
        end = int(edges.ends[row])
        seen = slice(max(int(edges.starts[row]), end - _READ), end)
        index, weight = np.asarray(edges.csr.index[seen]), np.asarray(edges.csr.weight[seen], dtype=np.float64)
        if not len(index):
            return []
        time = None if edges.csr.time is None else np.asarray(edges.csr.time[seen])
        node, place = np.unique(index, return_inverse=True)
        count, whole = np.bincount(place), np.bincount(place, weights=weight)
        # Ages are from the row's youngest: all entries of a row long past would else vanish together.
        recency = 1.0 if time is None else np.exp2((time - time.max()) / (_DAY * self._half_life))
        strength = np.bincount(place, weights=weight * recency)
        share = strength / strength.sum()
        last = np.zeros(len(node), dtype=np.int64)
        if time is not None:
            np.maximum.at(last, place, time)
        wanted_here = np.isin(node, [number for kind, number in wanted if kind == source])
        kept = np.union1d(np.lexsort((node, -share))[:most], np.flatnonzero(wanted_here))
        return [
            Edge(
                relation=relation,
                to=(source, int(node[one])),
                share=float(share[one]),
                count=int(count[one]),
                weight=float(whole[one]),
                last=None if time is None else int(last[one]),
            )
            for one in kept.tolist()
            if share[one] > 0
        ]


_DONE = {"purchase": "bought", "click": "clicked", "cart": "put into the cart", "impression": "saw"}
_UNDERGONE = {**_DONE, "impression": "seen"}


def _describe_step(graph: Graph, edge: Edge) -> PathStep:
    node_type, number = edge.to
    nodes = graph.nodes(node_type)
    return PathStep(
        words=_words(graph, edge),
        to_type=cast(NodeType, node_type),
        to_id=nodes["path"][number] if node_type == "category" else nodes.to_series(0)[number],
        to_name=nodes["title"][number] if node_type == "product" else None,
        share=edge.share,
    )


def _words(graph: Graph, edge: Edge) -> str:
    """Say what an edge means from the node that it leaves."""
    to, relation, left = edge.relation
    name = relation.removeprefix("rev_")
    if (left, to) == ("product", "product"):
        if name in graph.related:
            return f"has under {name}" if relation != name else f"stands under {name} of"
        return f"{name.replace('_', ' ')} (weight {edge.weight:,.{3 if edge.weight < 1 else 0}f})"
    how_often = "once" if edge.count == 1 else f"{edge.count:,} times"
    if edge.last is not None:
        day = f"{to_datetime(edge.last):%Y-%m-%d}"
        how_often += f", last on {day}," if edge.count > 1 else f" on {day}"
    phrases = {
        ("user", "product"): f"{_DONE.get(name, name)} {how_often}",
        ("product", "user"): f"{_UNDERGONE.get(name, name)} {how_often} by",
        ("user", "query"): f"searched {how_often} for",
        ("query", "user"): f"searched {how_often} by",
        ("query", "product"): f"found {how_often}",
        ("product", "query"): f"found {how_often} by",
        ("product", "category"): "lies in",
        ("category", "product"): "holds",
    }
    return phrases.get((left, to), name)
