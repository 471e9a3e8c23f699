"""The user tower, and how a query becomes a shopper's own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import TrainingConfig
from gnn_search.model.codes import Codes
from gnn_search.model.features import Features
from gnn_search.model.history_attention import HistoryAttention, Slots
from gnn_search.model.ragged import Ragged
from gnn_search.model.recency import recency
from gnn_search.model.relation_conv import RelationConv
from gnn_search.sampling.inputs import PersonalInputs


class UserTower(nn.Module):
    """Encode shoppers from what they chose and from their attributes, and personalise queries.

    A shopper has no free vector, so a new one needs no training, and one of whom nothing is known has the zero vector.

    Args:
        config: The configuration.
        features: Fixed features of the graph's nodes.
    """

    def __init__(self, config: TrainingConfig, features: Features) -> None:
        super().__init__()
        settings, dimension = config.user, config.dimension
        self._half_life = settings.half_life_days
        self._features = features
        sequences = (len(features.graph.chosen_actions) if settings.by_action else 1) if settings.recent else 0
        self.recent = nn.ModuleList(RelationConv(dimension) for _ in range(sequences))
        rows = features.attributes.num_rows if settings.attributes else 0
        self.attributes = nn.Parameter(torch.randn(rows, dimension) * 0.1 * dimension**-0.5) if rows else None
        self.from_brands = RelationConv(dimension) if settings.brands and features.brands.num_rows else None
        parts = (*self.recent, self.attributes, self.from_brands, *config.shared_attributes)
        self.gate = nn.Linear(2 * dimension, dimension) if any(part is not None for part in parts) else None
        self.attention = HistoryAttention(dimension) if settings.history else None

    def vectors(self, people: PersonalInputs, products: Tensor, attributes: Codes, brands: Tensor | None) -> Tensor:
        """Encode shoppers: [people, d], zero for one of whom nothing is known.

        Args:
            people: The shoppers.
            products: The vectors of all products, without gradient.
            attributes: The shoppers' attributes by their numbers.
            brands: The vectors of all brands; None where the model has none.

        Shapes:
            products: [catalogue, d]; brands: [brands, d].
        """
        vector = products.new_zeros((len(people.user), products.shape[1]))
        for pooling, sequence in zip(self.recent, people.recent, strict=True):
            weight = (sequence.count * recency(sequence.indptr, sequence.age, self._half_life)).astype(np.float32)
            vector = vector + pooling(products, Ragged.of(sequence.indptr, sequence.product, weight))
        if self.attributes is not None:
            code = attributes.code
            codes = np.where(people.user[:, None] >= 0, code[np.maximum(people.user, 0)], -1)
            indptr = np.arange(len(codes) + 1, dtype=np.int64) * codes.shape[1]
            vector = vector + Ragged.of_known(indptr, codes.ravel()).sum(self.attributes)
        if self.from_brands is not None and brands is not None:
            brand = self._features.brands.code[people.past.product, 0]
            vector = vector + self.from_brands(brands, Ragged.of_known(people.past.indptr, brand))
        return vector

    def forward(self, query: Tensor, user: Tensor, people: PersonalInputs, products: Tensor) -> Tensor:
        """Return norm(q + gate(q, u) * u + attention(q, history)), and q to the bit where nothing is known of the shopper.

        Shapes:
            query: [n, d], unit length; user: [people, d]; products: [catalogue, d], stored product vectors, no gradient. Returns
                [n, d], unit length.
        """
        moved = query
        if self.gate is not None:
            own = user[torch.from_numpy(people.row)]
            moved = moved + torch.sigmoid(self.gate(torch.cat([query, own], dim=1))) * own
        if self.attention is not None:
            moved = moved + self.attention(query, products, Slots(people.history))
        if moved is query:
            return query
        # Dividing by a length that is 1 but for rounding would change last digits.
        return torch.where((moved != query).any(dim=1, keepdim=True), functional.normalize(moved, dim=1), query)
