"""What of a shopper's latest choices says who that is: recency, and learned attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gnn_search.model.history_attention import Slots
from gnn_search.sampling.history import NUM_FEATURES, History

_HIDDEN = 32


class RecentAttention(nn.Module):
    r"""Weighted mean of a sequence with learned weights, then a linear map.

    .. math::
        \mathbf{m} = \mathbf{W} \sum_j \operatorname{softmax}_j(\ln w_j + e_j) \, \mathbf{x}_j, \qquad
        e_j = \mathbf{a} \cdot \tanh(\mathbf{A}\mathbf{x}_j + \mathbf{B}\mathbf{f}_j)

    with w the recency that a plain mean would weigh by and f how often and how long ago a product was chosen. It starts as that plain mean.
    Additive attention as in NRMS (Wu et al., EMNLP 2019) needs no query, so a shopper's vector can be stored.

    Args:
        dimension: Of the vectors in and out.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.content = nn.Linear(dimension, _HIDDEN, bias=False)
        self.evidence = nn.Linear(NUM_FEATURES + 1, _HIDDEN)
        self.weight = nn.Linear(_HIDDEN, 1, bias=False)
        self.linear = nn.Linear(dimension, dimension, bias=False)
        nn.init.zeros_(self.weight.weight)
        nn.init.normal_(self.linear.weight, std=0.1 * dimension**-0.5)

    def forward(self, products: Tensor, history: History, importance: Tensor) -> Tensor:
        """Return the messages, zero for an empty sequence.

        Shapes:
            products: [catalogue, d], no gradient; importance: float32 [items], above 0. Returns [rows of history, d].
        """
        slots = Slots(history)
        if not slots.width:
            return products.new_zeros((len(slots.product), products.shape[1]))
        remembered = products[slots.product]  # [n, width, d]
        weight = importance.new_zeros(slots.empty.shape)
        weight[~slots.empty] = importance
        logit = self.weight(torch.tanh(self.content(remembered) + self.evidence(slots.features)))[:, :, 0]
        # An empty row gets even weights, which then count nothing.
        logit = (logit + torch.log(weight.clamp(min=1e-30))).masked_fill(slots.empty, -1e9)
        share = torch.softmax(logit, dim=1).masked_fill(slots.empty, 0.0)
        return torch.as_tensor(self.linear(torch.bmm(share[:, None, :], remembered)[:, 0]))
