"""The user tower, and how a query becomes a shopper's own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import TrainingConfig
from gnn_search.model.features import Features
from gnn_search.model.history_attention import HistoryAttention, Slots
from gnn_search.model.ragged import Ragged
from gnn_search.model.relation_conv import RelationConv
from gnn_search.sampling.history import History
from gnn_search.sampling.inputs import PersonalInputs


class UserTower(nn.Module):
    """Encode shoppers from their recent choices and attributes, and personalise queries.

    A shopper has no free vector, so a new one needs no training, and one of whom nothing is known has the zero vector.

    Args:
        config: The configuration.
        features: Fixed features of the graph's nodes.
    """

    def __init__(self, config: TrainingConfig, features: Features) -> None:
        super().__init__()
        settings, dimension = config.user, config.dimension
        self._half_life = settings.half_life_days
        self._codes = features.attributes if settings.attributes and features.num_attributes else None
        self.recent = RelationConv(dimension) if settings.recent else None
        self.attributes = (
            nn.Parameter(torch.randn(features.num_attributes, dimension) * 0.1 * dimension**-0.5) if self._codes is not None else None
        )
        self.gate = nn.Linear(2 * dimension, dimension) if self.recent is not None or self.attributes is not None else None
        self.attention = HistoryAttention(dimension) if settings.history else None

    def vectors(self, people: PersonalInputs, products: Tensor) -> Tensor:
        """Encode shoppers: [people, d], zero for one of whom nothing is known.

        Shapes:
            products: [catalogue, d], stored product vectors, no gradient.
        """
        vector = products.new_zeros((len(people.user), products.shape[1]))
        if self.recent is not None:
            vector = vector + self.recent(products, Ragged.of(people.recent.indptr, people.recent.product, self._recency(people.recent)))
        if self.attributes is not None and self._codes is not None:
            codes = np.where(people.user[:, None] >= 0, self._codes[np.maximum(people.user, 0)], -1)
            indptr = np.zeros(len(codes) + 1, dtype=np.int64)
            np.cumsum((codes >= 0).sum(axis=1), out=indptr[1:])
            vector = vector + Ragged.of(indptr, codes[codes >= 0]).sum(self.attributes)
        return vector

    def forward(self, query: Tensor, people: PersonalInputs, products: Tensor) -> Tensor:
        """Return norm(q + gate(q, u) * u + attention(q, history)), and q to the bit where nothing is known of the shopper.

        Shapes:
            query: [n, d], unit length; products: [catalogue, d], stored product vectors, no gradient. Returns [n, d], unit length.
        """
        moved = query
        if self.gate is not None:
            user = self.vectors(people, products)[torch.from_numpy(people.row)]
            moved = moved + torch.sigmoid(self.gate(torch.cat([query, user], dim=1))) * user
        if self.attention is not None:
            moved = moved + self.attention(query, products, Slots(people.history))
        if moved is query:
            return query
        # Dividing by a length that is 1 but for rounding would change last digits.
        return torch.where((moved != query).any(dim=1, keepdim=True), functional.normalize(moved, dim=1), query)

    def _recency(self, recent: History) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        days = np.expm1(recent.features[:, 1])
        # Counted from each shopper's latest choice, which stands last: all weights of one long gone would else vanish together.
        length = np.diff(recent.indptr)
        latest = np.repeat(days[np.maximum(recent.indptr[1:] - 1, 0)], length) if len(days) else days
        return (recent.count * 0.5 ** ((days - latest) / self._half_life)).astype(np.float32)
