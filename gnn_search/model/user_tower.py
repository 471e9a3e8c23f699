"""The user tower: encode users, and move a query's vector towards its user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import UserSettings
from gnn_search.model.aggregation import Lists, RelationConv, ValueTable, pad
from gnn_search.model.codes import Codes
from gnn_search.sampling.history import NUM_FEATURES, History


@dataclass(frozen=True)
class UserLists:
    """The user tower's inputs: weighted lists of table rows, one a user; None for a part that is off.

    Attributes:
        recent: Rows of the products, for each sequence of latest interactions.
        attributes: Rows of the table of the users' attributes.
        brands: Rows of the table of brands.
        shared: Rows of the table of attributes that products have too.
        count: Users.
    """

    recent: Sequence[Lists]
    attributes: Lists | None
    brands: Lists | None
    shared: Lists | None
    count: int


class UserTower(nn.Module):
    """Encode users from their interactions and attributes, and personalise queries.

    A user has no ID embedding, so a new one needs no training, and one of whom nothing is known has the zero vector. The same code trains,
    encodes and is exported as ONNX.

    Args:
        settings: Of the tower.
        dimension: Of the vectors.
        sequences: Sequences of latest interactions.
        attributes: Values of the users' attributes.
        brands: Whether the products have brands.
        shared: Attributes that users and products share; None where there are none.
    """

    def __init__(self, settings: UserSettings, dimension: int, *, sequences: int, attributes: int, brands: bool, shared: bool) -> None:
        super().__init__()
        self.recent = nn.ModuleList(RelationConv(dimension) for _ in range(sequences if settings.sequence_length else 0))
        self.attributes = ValueTable(attributes, dimension) if settings.attributes and attributes else None
        self.from_brands = RelationConv(dimension) if settings.brands and brands else None
        encodes = bool(self.recent) or self.attributes is not None or self.from_brands is not None or shared
        self.gate = nn.Linear(2 * dimension, dimension) if encodes else None
        self.attention = HistoryAttention(dimension) if settings.attention_length else None

    def encode(self, users: UserLists, products: Tensor, brands: ValueTable | None, shared: ValueTable | None) -> Tensor:
        """Encode users without a query, not normalised; zero for one of whom nothing is known.

        Shapes:
            - products: float32 [catalogue, d], without gradient
            - brands, shared: vectors of the brands, and of the attributes that users and products share; None where there are none
            - returns: float32 [users, d]
        """
        vector = products.new_zeros((users.count, products.shape[1]))
        for conv, sequence in zip(self.recent, users.recent, strict=True):
            vector = vector + conv(products, sequence)
        if self.attributes is not None and users.attributes is not None:
            vector = vector + self.attributes(users.attributes)
        if self.from_brands is not None and brands is not None and users.brands is not None:
            vector = vector + self.from_brands(brands.weight, users.brands)
        if shared is not None and users.shared is not None:
            vector = vector + shared(users.shared)
        return vector

    def forward(self, query: Tensor, user: Tensor, history: Slots | None) -> Tensor:
        """Return norm(q + gate(q, u) * u + attention(q, history)), and q to the bit where nothing is known of the user.

        Shapes:
            - query: float32 [n, d], unit length
            - user: float32 [n, d], from `encode`
            - returns: float32 [n, d], unit length
        """
        moved = query
        if self.gate is not None:
            moved = moved + torch.sigmoid(self.gate(torch.cat([query, user], dim=1))) * user
        if self.attention is not None and history is not None:
            moved = moved + self.attention(query, history)
        if moved is query:
            return query
        # Dividing by a length that is 1 but for rounding would change last digits.
        return torch.where((moved != query).any(dim=1, keepdim=True), functional.normalize(moved, dim=1), query)


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


@dataclass(frozen=True)
class Traits:
    """The attributes of some users, as the user tower reads them.

    Shapes:
        - attributes: codes, a row a user
        - shared: codes, a row a user; None where the model has no attributes that products share
    """

    attributes: Codes
    shared: Codes | None
