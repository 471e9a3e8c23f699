"""Personalise a query by the user's history: attention with a zero slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gnn_search.model.ragged import pad
from gnn_search.sampling.history import NUM_FEATURES, History


@dataclass(frozen=True)
class Slots:
    """Histories of some requests, laid out as a rectangle.

    Shapes:
        - vectors: float32 [n, width, d], of the products, unit length, no gradient
        - features: float32 [n, width, NUM_FEATURES + 1], those of `History` and ln of the number of products
        - empty: bool [n, width], where no product stands
        - log_length: float32 [n, 1], ln of the number of products, 0 for none
    """

    vectors: Tensor
    features: Tensor
    empty: Tensor
    log_length: Tensor

    @classmethod
    def of(cls, history: History, products: Tensor) -> Slots:
        """Pad ragged histories; products: vectors of all products, float32 [catalogue, d]."""
        length = np.diff(history.indptr)
        log_length = np.log(np.maximum(length, 1)).astype(np.float32)[:, None]
        features = np.concatenate([history.features, np.repeat(log_length, length, axis=0)], axis=1)
        filled = pad(history.indptr, np.ones(len(history.product), np.bool_))
        return cls(
            products[torch.from_numpy(pad(history.indptr, history.product.astype(np.int64)))],
            torch.from_numpy(pad(history.indptr, features)),
            torch.from_numpy(~filled),
            torch.from_numpy(log_length),
        )


class HistoryAttention(nn.Module):
    """Attend from a query over the products of the user's history, or over nothing.

    The logit of a product is (W q) . p * sqrt(d) / 8 plus a learned function of how often and how recently the user interacted with it.
    The zero slot has a logit of its own, so the model can learn not to personalise, and a user without history gets exactly zero. It
    follows Ai et al., "A zero attention model for personalized product search" (arXiv 1908.11322).

    A mean over m products of about equal weight is about sqrt(m) times shorter than one product, so the query would drown a long history.
    The attended mean is therefore scaled by scale * m ** growth, both learned.

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

    def forward(self, query: Tensor, slots: Slots) -> Tensor:
        """Return what the history adds to each query.

        Shapes:
            - query: float32 [n, d]
            - returns: float32 [n, d]
        """
        if not slots.vectors.shape[1]:
            return torch.zeros_like(query)
        weight = self.weights(query, slots)[:, 1:]
        return self.scaled(torch.bmm(weight[:, None, :], slots.vectors)[:, 0], slots.log_length)

    def weights(self, query: Tensor, slots: Slots) -> Tensor:
        """Return how much of each query's attention goes to nothing and to each product; rows sum to 1.

        Shapes:
            - query: float32 [n, d]
            - returns: float32 [n, 1 + width], the zero slot first
        """
        question = self.question(query)
        match = torch.bmm(slots.vectors, question[:, :, None])[:, :, 0] * (self.question.in_features**0.5) / 8
        logit = match + self.evidence(slots.features)[:, :, 0]
        logit = logit.masked_fill(slots.empty, float("-inf"))
        return torch.softmax(torch.cat([self.nothing(query), logit], dim=1), dim=1)

    def scaled(self, attended: Tensor, log_length: Tensor) -> Tensor:
        """Turn attended means into what is added to the queries.

        Shapes:
            - attended: float32 [n, d]
            - log_length: float32 [n, 1] or [1]
            - returns: float32 [n, d]
        """
        return torch.as_tensor(self.value(attended) * self.scale * torch.exp(self.growth * log_length))
