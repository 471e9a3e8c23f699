"""Our neighbour sampling behind PyTorch Geometric's `BaseSampler`, for its loaders and any PyG model.

It needs neither pyg-lib nor torch-sparse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch_geometric.sampler import BaseSampler, EdgeSamplerInput, HeteroSamplerOutput, NegativeSampling, NodeSamplerInput

from gnn_search.arrays import Int64
from gnn_search.errors import RequestError
from gnn_search.graph.store import EdgeType, GraphView
from gnn_search.sampling.neighbours import NeighborSampler
from gnn_search.sampling.random_source import RandomSource


class ViewSampler(BaseSampler):  # type: ignore[misc]
    """Sample the surroundings of nodes, several hops wide, from one view of a graph: nothing at or after `view.time` is ever reached.

    Use it with `to_hetero_data(view)`, whose edges it numbers: `NodeLoader(data, node_sampler=ViewSampler(...), input_nodes=...)`. In a
    batch the seeds come first, and nodes and edges follow hop by hop. Sampling goes against the direction of the edges: a relation's
    destinations are given, its sources are found.

    Args:
        view: The graph as of some time.
        num_neighbors: Most neighbours a node, for each relation, one number a hop; relations that are left out are not followed.
        seed: Seed of the draws; None takes the latest neighbours of each node.
        pool: Neighbours are drawn from this many times as many latest ones.
        half_life: Days after which an edge counts half in the draw; None ignores age.

    Raises:
        RequestError: The graph lacks a relation, or the numbers of hops differ.
    """

    def __init__(
        self,
        view: GraphView,
        num_neighbors: Mapping[EdgeType, Sequence[int]],
        seed: int | None = 0,
        pool: int = 4,
        half_life: float | None = None,
    ) -> None:
        hops = {len(fan_out) for fan_out in num_neighbors.values()}
        if len(hops) != 1:
            raise RequestError(f"num_neighbors must give every relation one number a hop, but their numbers of hops are {sorted(hops)}")
        self.epoch = 0
        self._view = view
        self._num_nodes = view.graph.num_nodes
        self._num_hops = hops.pop()
        self._random = None if seed is None else RandomSource(seed)
        self._samplers = {
            edge_type: [NeighborSampler(most, most * pool, half_life) for most in fan_out] for edge_type, fan_out in num_neighbors.items()
        }
        # A stored edge's place among the visible ones, which is its number in `to_hetero_data(view)`, is its position plus its row's shift.
        self._shift = {}
        for edge_type in num_neighbors:
            edges = view.edges(edge_type)
            degree = edges.degree()
            self._shift[edge_type] = np.cumsum(degree) - degree - edges.starts

    def set_epoch(self, epoch: int) -> None:
        """Make the next draws differ from those of other epochs."""
        self.epoch = epoch

    def sample_from_nodes(self, index: NodeSamplerInput, **kwargs: object) -> HeteroSamplerOutput:
        """Sample the surroundings of the seeds; equal seeds stand as often as they are given.

        Raises:
            RequestError: The seeds have times of their own; all see the view's time.
        """
        if index.time is not None:
            raise RequestError("the seeds of a ViewSampler all see its view's time; leave input_time out, or make a sampler for each time")
        reached = _Reached(self._num_nodes, str(index.input_type), index.node.numpy().astype(np.int64))
        edges: dict[EdgeType, list[tuple[Int64, Int64, Int64]]] = {edge_type: [] for edge_type in self._samplers}
        for hop in range(self._num_hops):
            for edge_type, samplers in self._samplers.items():
                edges[edge_type].append(self._one_relation(reached, edge_type, samplers[hop], hop))
            reached.next_hop()
        return HeteroSamplerOutput(
            node={node_type: torch.from_numpy(nodes) for node_type, nodes in reached.nodes.items()},
            row={edge_type: _joined(parts, 0) for edge_type, parts in edges.items()},
            col={edge_type: _joined(parts, 1) for edge_type, parts in edges.items()},
            edge={edge_type: _joined(parts, 2) for edge_type, parts in edges.items()},
            batch=None,
            num_sampled_nodes=reached.num_sampled,
            num_sampled_edges={edge_type: [len(part[0]) for part in parts] for edge_type, parts in edges.items()},
            metadata=(index.input_id, None),
        )

    def sample_from_edges(self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None) -> HeteroSamplerOutput:
        """Refuse: links of a graph with time need a time each.

        Raises:
            RequestError: Always.
        """
        raise RequestError("a ViewSampler samples from nodes only; use PyG's NodeLoader on the links' ends")

    def _one_relation(self, reached: _Reached, edge_type: EdgeType, sampler: NeighborSampler, hop: int) -> tuple[Int64, Int64, Int64]:
        """Draw sources for the latest destinations; return (source, destination, edge) in the batch's numbers, [drawn] each."""
        source, relation, target = edge_type
        rows, places = reached.frontier(target)
        purpose = f"{source} {relation} {target} hop {hop}"
        found = sampler.sample(self._view.edges(edge_type), rows, self._view.time, self._random, purpose, self.epoch)
        drawn = np.diff(found.indptr)
        number = found.edge + np.repeat(self._shift[edge_type][rows], drawn)
        return reached.add(source, found.index.astype(np.int64)), np.repeat(places, drawn), number


class _Reached:
    """The nodes reached so far, in the order in which they were reached, and which of them the last hop brought."""

    def __init__(self, num_nodes: Mapping[str, int], seed_type: str, seeds: Int64) -> None:
        self.nodes = {node_type: np.empty(0, np.int64) for node_type in num_nodes}
        self.nodes[seed_type] = seeds
        self.num_sampled = {node_type: [len(nodes)] for node_type, nodes in self.nodes.items()}
        self._frontier = dict.fromkeys(num_nodes, 0)

    def frontier(self, node_type: str) -> tuple[Int64, Int64]:
        """Return the nodes of a type that the last hop brought and their places in the batch."""
        start, end = self._frontier[node_type], sum(self.num_sampled[node_type])
        return self.nodes[node_type][start:end], np.arange(start, end, dtype=np.int64)

    def add(self, node_type: str, found: Int64) -> Int64:
        """Append the nodes that are new and return the places of all; a node that stands twice has its first place."""
        known = self.nodes[node_type]
        distinct, first = np.unique(np.concatenate([known, found]), return_index=True)
        fresh = np.sort(first[first >= len(known)])
        # Places after the known ones are those among all found; close the gaps that repeats leave.
        place = np.where(first < len(known), first, len(known) + np.searchsorted(fresh, first))
        self.nodes[node_type] = np.concatenate([known, found[fresh - len(known)]])
        return np.asarray(place[np.searchsorted(distinct, found)])

    def next_hop(self) -> None:
        """Close a hop: what was added since becomes the frontier."""
        for node_type, nodes in self.nodes.items():
            before = sum(self.num_sampled[node_type])
            self._frontier[node_type] = before
            self.num_sampled[node_type].append(len(nodes) - before)


def _joined(parts: list[tuple[Int64, Int64, Int64]], column: int) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([part[column] for part in parts]))
