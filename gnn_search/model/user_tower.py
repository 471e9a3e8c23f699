"""The user tower: encode users, and move a query's vector towards its user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import UserSettings
from gnn_search.model.history_attention import HistoryAttention, Slots
from gnn_search.model.ragged import Lists
from gnn_search.model.relation_conv import RelationConv
from gnn_search.model.value_table import ValueTable


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

        Args:
            users: The users.
            products: Vectors of the products, without gradient.
            brands: Vectors of the brands; None where the product tower has none.
            shared: Vectors of the attributes that users and products share.

        Shapes:
            - products: float32 [catalogue, d]
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
