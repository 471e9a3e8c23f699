"""The query tower: text, and for a known query what the graph says of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import QuerySettings
from gnn_search.model.aggregation import Ragged, RelationConv, importance
from gnn_search.sampling.inputs import QueryInputs


class QueryTower(nn.Module):
    """Encode queries.

    A query is known when it had an interaction before the view's time. In training some known queries are treated as cold ones, drawn at
    random.
    """

    def __init__(self, settings: QuerySettings, dimension: int, num_queries: int) -> None:
        super().__init__()
        self._settings = settings
        self.id_embedding = nn.Embedding(num_queries, dimension, sparse=True) if settings.id_embedding else None
        self.from_products = RelationConv(dimension) if settings.products else None
        if self.id_embedding is not None:
            nn.init.zeros_(self.id_embedding.weight)

    def forward(self, inputs: QueryInputs, text: Tensor, vectors: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Encode queries.

        Shapes:
            - text: [n, d]
            - vectors: [catalogue, d], stored product vectors, no gradient
            - returns: [n, d], unit length
        """
        known = torch.from_numpy(inputs.known)
        if generator is not None and self._settings.known_dropout:
            known = known & (torch.rand(len(known), generator=generator) >= self._settings.known_dropout)
        extra = torch.zeros_like(text)
        if self.id_embedding is not None:
            extra = extra + self.id_embedding(torch.from_numpy(inputs.query.astype(np.int64)))
        if self.from_products is not None:
            drawn = inputs.products
            weight = importance(drawn, self._settings.half_life_days)
            extra = extra + self.from_products(vectors, Ragged.of(drawn.indptr, drawn.index, weight))
        return functional.normalize(text + extra * known[:, None], dim=1)
