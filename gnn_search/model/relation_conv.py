"""One relation's messages: the weighted mean of the neighbours, then a linear map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from gnn_search.model.ragged import Ragged


class RelationConv(MessagePassing):  # type: ignore[misc]
    r"""Weighted-mean convolution over one relation, the neighbour part of GraphSAGE (Hamilton et al., arXiv 1706.02216).

    .. math::
        \mathbf{m}_i = \mathbf{W} \sum_{j \in N(i)} \frac{w_{ij}}{\sum_k w_{ik}} \mathbf{x}_j

    The root term is the caller's. Takes either ragged neighbour lists, summed without materialising one message an edge, or PyG's `edge_index`,
    so that it also stands in `HeteroConv`.

    Args:
        dimension: Of the vectors in and out.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(aggr="sum")
        self.linear = nn.Linear(dimension, dimension, bias=False)
        nn.init.normal_(self.linear.weight, std=0.1 * dimension**-0.5)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edges: Ragged | Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return the messages.

        Shapes:
            x: [sources, d], or PyG's pair of source and target vectors; edges: lists of sources by target, or int64 [2, edges] with x a pair;
            edge_weight: float32 [edges]. Returns [targets, d]; a target without neighbours gets zeros.
        """
        if isinstance(edges, Ragged):
            assert isinstance(x, Tensor)
            return torch.as_tensor(self.linear(edges.sum(x)))
        source, target = x if isinstance(x, tuple) else (x, x)
        weight = source.new_ones(edges.shape[1]) if edge_weight is None else edge_weight
        total = scatter(weight, edges[1], dim=0, dim_size=len(target), reduce="sum")
        weight = weight / total.clamp(min=1e-30)[edges[1]]
        return torch.as_tensor(self.linear(self.propagate(edges, x=(source, target), weight=weight, size=(len(source), len(target)))))

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """Return one message an edge: [edges, d]."""
        return weight[:, None] * x_j
