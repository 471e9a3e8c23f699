"""Put an edge of the graph into words."""

from __future__ import annotations

from typing import cast

from gnn_search.explanation.edges_of import Edge
from gnn_search.explanation.result import NodeType, PathStep
from gnn_search.graph.store import Graph, to_datetime

_DONE = {"purchase": "bought", "click": "clicked", "cart": "put into the cart", "impression": "saw"}
_UNDERGONE = {**_DONE, "impression": "seen"}


class StepWriter:
    """Names nodes and what joins them.

    Args:
        graph: The graph.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def write(self, edge: Edge) -> PathStep:
        """Say what an edge means from the node that it leaves."""
        node_type, number = edge.to
        nodes = self._graph.nodes(node_type)
        return PathStep(
            words=self._words(edge),
            to_type=cast(NodeType, node_type),
            to_id=nodes["path"][number] if node_type == "category" else nodes.to_series(0)[number],
            to_name=nodes["title"][number] if node_type == "product" else None,
            share=edge.share,
        )

    def _words(self, edge: Edge) -> str:
        to, relation, left = edge.relation
        name = relation.removeprefix("rev_")
        how_often = f"{'once' if edge.count == 1 else f'{edge.count:,} times'}"
        if edge.last is not None and edge.count > 1:
            how_often += f", last on {to_datetime(edge.last):%Y-%m-%d},"
        elif edge.last is not None:
            how_often += f" on {to_datetime(edge.last):%Y-%m-%d}"
        if (left, to) == ("product", "product"):
            return self._between_products(relation, edge.weight)
        phrases = {
            ("user", "product"): f"{_DONE.get(name, name)} {how_often}",
            ("product", "user"): f"{_UNDERGONE.get(name, name)} {how_often} by",
            ("user", "query"): f"asked {how_often}",
            ("query", "user"): f"asked {how_often} by",
            ("query", "product"): f"led {how_often} to",
            ("product", "query"): f"found {how_often} by",
            ("product", "category"): "lies in",
            ("category", "product"): "holds",
        }
        return phrases.get((left, to), name)

    def _between_products(self, relation: str, weight: float) -> str:
        name = relation.removeprefix("rev_")
        if name not in self._graph.related:
            return f"{name.replace('_', ' ')} (weight {weight:,.3f})" if weight < 1 else f"{name.replace('_', ' ')} (weight {weight:,.0f})"
        return f"has under {name}" if relation != name else f"stands under {name} of"
