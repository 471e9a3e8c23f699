"""What of a shopper's history matters for a query: attention with a zero slot."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gnn_search.sampling.history import NUM_FEATURES, History


class HistoryAttention(nn.Module):
    """Attend from a query over the products of a shopper's history, or over nothing.

    The logit of a product is (W q) . p * sqrt(d) / 8 plus a learned function of how often and how recently it was chosen; the zero slot
    has a logit of its own, so that "no personalisation" can be learned, and a shopper without history gets exactly zero. The
    zero-attention slot follows Ai et al., "A zero attention model for personalized product search" (arXiv 1908.11322).

    A mean over m products of about equal weight is about sqrt(m) times shorter than one product, so a long history would be drowned by
    the query it is added to. What is recalled is therefore scaled by scale * m ** growth, both learned.

    Args:
        dimension: Of the vectors.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.question = nn.Linear(dimension, dimension, bias=False)
        self.nothing = nn.Linear(dimension, 1)
        self.evidence = nn.Sequential(nn.Linear(NUM_FEATURES + 1, 16), nn.GELU(), nn.Linear(16, 1))
        self.value = nn.Linear(dimension, dimension, bias=False)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.growth = nn.Parameter(torch.tensor(1.0))
        nn.init.eye_(self.value.weight)
        nn.init.normal_(self.question.weight, std=dimension**-0.5)
        nn.init.zeros_(self.nothing.weight)
        nn.init.zeros_(self.nothing.bias)

    def forward(self, query: Tensor, products: Tensor, slots: Slots) -> Tensor:
        """Return what the history adds to each query.

        Shapes:
            query: [n, d]; products: [catalogue, d], unit length, no gradient; returns [n, d].
        """
        if not slots.width:
            return torch.zeros_like(query)
        remembered = products[slots.product]  # [n, width, d]
        weight = self.weights(query, remembered, slots)[:, 1:]
        recalled = torch.bmm(weight[:, None, :], remembered)[:, 0]
        return torch.as_tensor(self.value(recalled) * self.scale * torch.exp(self.growth * slots.log_length))

    def weights(self, query: Tensor, remembered: Tensor, slots: Slots) -> Tensor:
        """Return how much of each query's attention goes to nothing and to each product; rows sum to 1.

        Shapes:
            query: [n, d]; remembered: [n, width, d], vectors of the slots' products. Returns [n, 1 + width], the zero slot first.
        """
        asked = self.question(query)
        match = torch.bmm(remembered, asked[:, :, None])[:, :, 0] * (query.shape[1] ** 0.5) / 8
        logit = match + self.evidence(slots.features)[:, :, 0]
        logit = logit.masked_fill(slots.empty, float("-inf"))
        return torch.softmax(torch.cat([self.nothing(query), logit], dim=1), dim=1)


class Slots:
    """A ragged history laid out as a rectangle.

    Shapes:
        product: int64 [n, width]; features: float32 [n, width, NUM_FEATURES + 1]; empty: bool [n, width]; log_length: float32 [n, 1], ln of
        the number of products, 0 for none.
    """

    def __init__(self, history: History) -> None:
        length = np.diff(history.indptr)
        self.width = int(length.max()) if len(length) else 0
        row = np.repeat(np.arange(len(length)), length)
        place = np.arange(len(row)) - history.indptr[row]
        product = np.zeros((len(length), self.width), dtype=np.int64)
        features = np.zeros((len(length), self.width, NUM_FEATURES + 1), dtype=np.float32)
        empty = np.ones((len(length), self.width), dtype=np.bool_)
        product[row, place] = history.product
        features[row, place, :NUM_FEATURES] = history.features
        features[row, place, NUM_FEATURES] = np.log(length[row])
        empty[row, place] = False
        self.log_length = torch.from_numpy(np.log(np.maximum(length, 1)).astype(np.float32)[:, None])
        self.product, self.features, self.empty = torch.from_numpy(product), torch.from_numpy(features), torch.from_numpy(empty)
