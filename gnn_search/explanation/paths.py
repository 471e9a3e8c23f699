"""Find the shortest paths through the graph from a user or a query to a product."""

from __future__ import annotations

from heapq import nsmallest
from itertools import pairwise

import networkx as nx

from gnn_search.explanation.edges_of import Edge, EdgeReader, Node
from gnn_search.explanation.result import GraphPath
from gnn_search.explanation.steps import StepWriter
from gnn_search.graph.store import GraphView

_MOST_STEPS = 3
_FAN_OUT = 32
"""EdgeReader of each relation that are followed from the first node, and back from the product."""


class PathFinder:
    """Finds paths of at most three steps, the shortest by the length of `GraphPath`: those that a random walk most likely takes.

    Of the first node and of the product the 32 edges of each relation that count most are followed, and whatever joins their other ends
    is found; so the cost does not grow with the graph.

    Args:
        view: What is known.
        half_life: Age in days at which an edge counts half.
    """

    def __init__(self, view: GraphView, half_life: float) -> None:
        self._edges, self._writer = EdgeReader(view, half_life), StepWriter(view.graph)

    def find(self, start: Node, product: int, most: int = 3) -> tuple[GraphPath, ...]:
        """Return the shortest paths from a node to a product, the shortest first; none where there is none so short.

        Args:
            start: A user or a query.
            product: Node.
            most: How many, at most.
        """
        goal = ("product", product)
        around = self._around(start, goal)
        if start not in around or goal not in around:
            return ()
        paths = (
            [around.edges[pair]["edge"] for pair in pairwise(path)] for path in nx.all_simple_paths(around, start, goal, cutoff=_MOST_STEPS)
        )
        return tuple(self._path(path) for path in nsmallest(most, paths, key=_order))

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

    def _path(self, path: list[Edge]) -> GraphPath:
        return GraphPath(length=sum(edge.length for edge in path), steps=tuple(self._writer.write(edge) for edge in path))


def _add(around: nx.DiGraph[Node], node: Node, edges: list[Edge]) -> None:
    for edge in edges:
        if not around.has_edge(node, edge.to) or edge.length < around.edges[node, edge.to]["edge"].length:
            around.add_edge(node, edge.to, edge=edge)


def _order(path: list[Edge]) -> tuple[float, list[Node]]:
    return sum(edge.length for edge in path), [edge.to for edge in path]
