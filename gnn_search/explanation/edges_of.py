"""The edges that leave a node, with how much each counts among its like."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Int32
from gnn_search.graph.store import SHOWN_ONLY, EdgeType, GraphView

Node = tuple[str, int]
"""A node's type and number."""

_READ = 20_000
"""Latest entries of a row that are read."""
_DAY = 86_400e6


@dataclass(frozen=True)
class Edge:
    """All entries that join one node with another by one relation.

    Attributes:
        relation: Its rows are nodes of the type that is left, its entries those that are led to.
        to: The node that is led to.
        share: Of the weight, by recency, of all entries of the row.
        count: How many entries.
        weight: What they weigh together.
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
    """Reads the edges of nodes in a view.

    Args:
        view: What is known.
        half_life: Age in days at which an entry counts half.
    """

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
        strength = np.bincount(place, weights=weight * self._recency(time))
        share = strength / strength.sum()
        last = np.zeros(len(node), dtype=np.int64)
        if time is not None:
            np.maximum.at(last, place, time)
        kept = np.union1d(np.lexsort((node, -share))[:most], np.flatnonzero(np.isin(node, _of_type(wanted, source))))
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

    def _recency(self, time: npt.NDArray[np.int64] | None) -> npt.NDArray[np.float64] | float:
        # From the row's youngest: all entries of a row long past would else vanish together.
        return 1.0 if time is None else np.exp2((time - time.max()) / (_DAY * self._half_life))


def _of_type(nodes: set[Node], node_type: str) -> Int32:
    return np.array([number for kind, number in nodes if kind == node_type], dtype=np.int32)
