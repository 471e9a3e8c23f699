"""The product tower: text, category path, numbers, attributes and a free vector, then one graph layer."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.config.training import TrainingConfig
from gnn_search.graph.csr import Int32, Int64
from gnn_search.model.codes import Codes, code_quantiles
from gnn_search.model.features import Features
from gnn_search.model.ragged import Ragged
from gnn_search.model.recency import importance, recency
from gnn_search.model.relation_conv import RelationConv
from gnn_search.model.text_tower import TextTower
from gnn_search.model.value_table import ValueTable
from gnn_search.sampling.inputs import ProductInputs
from gnn_search.sampling.neighbours import Neighbours


class ProductTower(nn.Module):
    """Encode products.

    A product that nobody has chosen yet has one vector shared by all new products in the place of its free one. In training this is done
    to some of the products that are new at the batch's moment, so how likely a new product is chosen is learned as it was. The free
    vectors start as long as a text's, which gives products of one category distinct codes for the history attention to recall.

    Args:
        config: The configuration.
        features: Fixed features of the graph's nodes.
    """

    def __init__(self, config: TrainingConfig, features: Features) -> None:
        super().__init__()
        settings, dimension = config.product, config.dimension
        self._settings, self._features, self._shopper_half_life = settings, features, config.user.half_life_days
        graph = features.graph
        num_products, num_categories = features.num_products, features.num_categories
        self.free = nn.Embedding(num_products, dimension, sparse=True) if settings.id_embedding else None
        self.category = nn.Parameter(torch.randn(num_categories, dimension) * 0.5 * dimension**-0.5) if settings.category else None
        self.from_queries = RelationConv(dimension) if settings.queries else None
        self.from_partners = RelationConv(dimension) if settings.bought_with else None
        self.degree = nn.Linear(1, dimension, bias=False) if settings.degree else None
        if self.degree is not None:
            nn.init.normal_(self.degree.weight, std=0.1 * dimension**-0.5)
        self.new = nn.Parameter(torch.zeros(dimension)) if settings.id_embedding else None
        if self.free is not None:
            nn.init.normal_(self.free.weight, std=dimension**-0.5)
        num_columns = len(graph.manifest.recipe["tables"]["products"]["numeric"]) if settings.numeric else 0
        self.numeric = ValueTable(num_columns * (settings.numeric_buckets + 1), dimension) if num_columns else None
        self.attributes = self._values(features.product_attributes, dimension) if settings.attributes else None
        self.brand = self._values(features.brands, dimension) if settings.brand else None
        self.from_related = nn.ModuleList(RelationConv(dimension) for _ in graph.related if settings.related)
        self.from_shoppers = nn.ModuleList(RelationConv(dimension) for _ in graph.choices if settings.shoppers)

    def base(self, text: TextTower, product: Int32, with_free: Tensor) -> Tensor:
        """Encode products without neighbours.

        Shapes:
            product: int32 [n]; with_free: bool [n], whose free vectors count. Returns [n, d].
        """
        parts: list[Tensor] = []
        if self._settings.text:
            parts.append(text.nodes("product", product))
        if self.category is not None:
            path = Ragged.of_rows(self._features.path_indptr, self._features.path, product)
            parts.append(path.sum(self.categories(text)))
        if self.free is not None and self.new is not None:
            free = self.free(torch.from_numpy(product.astype(np.int64)))
            parts.append(torch.where(with_free[:, None], free, self.new))
        if self.numeric is not None:
            parts.append(self.numeric(self._numbers, product))
        if self.attributes is not None:
            parts.append(self.attributes(self._features.product_attributes, product))
        if self.brand is not None:
            parts.append(self.brand(self._features.brands, product))
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]

    def categories(self, text: TextTower) -> Tensor:
        """Encode all categories by name, plus a free vector each where categories are part of the tower: [categories, d]."""
        named = text.nodes("category")
        return named if self.category is None else named + self.category

    def forward(self, inputs: ProductInputs, base: Tensor, query_text: Tensor, query: Int32, bases: Tensor) -> Tensor:
        """Add the neighbours' messages to the bases.

        Shapes:
            base: [n, d]; query_text: [q, d], of the queries numbered query [q], ascending; bases: [catalogue, d], stored, no gradient.
                Returns [n, d], unit length.
        """
        vector = base
        if self.from_queries is not None:
            rows = np.searchsorted(query, inputs.queries.index)
            vector = vector + self.from_queries(query_text, self._messages(inputs.queries, rows))
        if self.from_partners is not None:
            vector = vector + self.from_partners(bases, self._messages(inputs.partners))
        if self.degree is not None:
            vector = vector + self.degree(torch.from_numpy(inputs.degree)[:, None])
        for conv, related in zip(self.from_related, inputs.related, strict=True):
            vector = vector + conv(bases, self._messages(related))
        if self.from_shoppers:
            recent = inputs.shoppers.recent
            weight = recent.count * recency(recent.indptr, recent.age, self._shopper_half_life)
            shoppers = Ragged.of(recent.indptr, recent.product, weight).sum(bases)
            for conv, shopper in zip(self.from_shoppers, inputs.shoppers.shopper, strict=True):
                vector = vector + conv(shoppers, self._messages(shopper))
        return torch.as_tensor(functional.normalize(vector, dim=1))

    def _messages(self, drawn: Neighbours, rows: Int64 | None = None) -> Ragged:
        """Weigh neighbours by edge weight and age; `rows` says where their vectors stand, by default at their own numbers."""
        return Ragged.of(drawn.indptr, drawn.index if rows is None else rows, importance(drawn, self._settings.half_life_days))

    @cached_property
    def _numbers(self) -> Codes:
        return code_quantiles(self._features.graph, self._settings.numeric_buckets)

    @staticmethod
    def _values(codes: Codes, dimension: int) -> ValueTable | None:
        return ValueTable(codes.num_rows, dimension) if codes.num_rows else None
