"""One relation's messages: the weighted mean of the neighbours, then a linear map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gnn_search.model.ragged import Lists


class RelationConv(nn.Module):
    r"""Weighted-mean convolution over one relation, the neighbour part of GraphSAGE (Hamilton et al., arXiv 1706.02216).

    .. math::
        \mathbf{m}_i = \mathbf{W} \sum_{j \in N(i)} \frac{w_{ij}}{\sum_k w_{ik}} \mathbf{x}_j

    The root term is the caller's. Takes either neighbour lists, summed without materialising one message an edge, or PyG's
    `edge_index`, so that it also stands in `HeteroConv`. It is no subclass of PyG's `MessagePassing`, whose import alone takes longer
    than all else in a search.

    Args:
        dimension: Of the vectors in and out.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dimension, dimension, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, small beside the root term's."""
        nn.init.normal_(self.linear.weight, std=0.1 * self.linear.in_features**-0.5)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], edges: Lists | Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return the messages.

        Shapes:
            - x: [sources, d], or PyG's pair of source and target vectors
            - edges: lists of sources by target, or int64 [2, edges]
            - edge_weight: float32 [edges]
            - returns: [targets, d], zero for a target without neighbours
        """
        if isinstance(edges, Lists):
            assert isinstance(x, Tensor)
            return torch.as_tensor(self.linear(edges.sum(x)))
        source, target = x if isinstance(x, tuple) else (x, x)
        weight = source.new_ones(edges.shape[1]) if edge_weight is None else edge_weight
        total = weight.new_zeros(len(target)).index_add(0, edges[1], weight)
        weight = weight / total.clamp(min=1e-30)[edges[1]]
        messages = weight[:, None] * source[edges[0]]
        return torch.as_tensor(self.linear(source.new_zeros(target.shape[0], source.shape[1]).index_add(0, edges[1], messages)))
