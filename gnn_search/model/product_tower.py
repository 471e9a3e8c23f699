"""The product tower: text, category path, numbers, attributes and an ID embedding, then one graph layer."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Int32, Int64
from gnn_search.config.training import ProductSettings
from gnn_search.model.aggregation import Ragged, RelationConv, ValueTable, importance
from gnn_search.model.codes import Codes, code_quantiles
from gnn_search.model.features import Features, ProductFacts
from gnn_search.model.text_tower import TextTower
from gnn_search.sampling.inputs import ProductInputs
from gnn_search.sampling.neighbours import Neighbours


class ProductTower(nn.Module):
    """Encode products.

    A product without an interaction has one vector shared by all new products in the place of its ID embedding. In training this is done
    to some of the products that are new when the batch's window starts, so the model learns how likely a new product is. The ID
    embeddings start as long as a text's, which gives products of one category distinct codes for the history attention to recall.
    """

    def __init__(self, settings: ProductSettings, dimension: int, features: Features) -> None:
        super().__init__()
        self._settings, self._features = settings, features
        graph = features.graph
        num_products, num_categories = graph.num_nodes["product"], graph.num_nodes["category"]
        self.id_embedding = nn.Embedding(num_products, dimension, sparse=True) if settings.id_embedding else None
        self.category = nn.Parameter(torch.randn(num_categories, dimension) * 0.5 * dimension**-0.5) if settings.category else None
        self.from_queries = RelationConv(dimension) if settings.queries else None
        self.from_partners = RelationConv(dimension) if settings.bought_with else None
        self.degree = nn.Linear(1, dimension, bias=False) if settings.degree else None
        if self.degree is not None:
            nn.init.normal_(self.degree.weight, std=0.1 * dimension**-0.5)
        self.new = nn.Parameter(torch.zeros(dimension)) if settings.id_embedding else None
        if self.id_embedding is not None:
            nn.init.normal_(self.id_embedding.weight, std=dimension**-0.5)
        num_columns = len(graph.manifest.recipe["tables"]["products"]["numeric"]) if settings.numeric else 0
        self.numeric = ValueTable(num_columns * (settings.numeric_buckets + 1), dimension) if num_columns else None
        self.attributes = self._values(features.product_attributes, dimension) if settings.attributes else None
        self.brand = self._values(features.brands, dimension) if settings.brand else None
        self.from_related = nn.ModuleList(RelationConv(dimension) for _ in graph.related if settings.related)

    def base(self, text: TextTower, product: Int32, with_id_embedding: Tensor) -> Tensor:
        """Encode products without neighbours.

        Shapes:
            - product: int32 [n]
            - with_id_embedding: bool [n], whose ID embeddings count
            - returns: float32 [n, d]
        """
        named = text.nodes("product", product) if self._settings.text else None
        identity = None
        if self.id_embedding is not None and self.new is not None:
            identity = torch.where(with_id_embedding[:, None], self.id_embedding(torch.from_numpy(product.astype(np.int64))), self.new)
        return self._sum(text, named, identity, self._known, product)

    def new_base(self, text: TextTower, products: ProductFacts) -> Tensor:
        """Encode products that are not in the graph, without neighbours: [n, d]."""
        named = text(products.texts) if self._settings.text else None
        identity = None if self.new is None else self.new.expand(products.count, -1)
        return self._sum(text, named, identity, products, np.arange(products.count, dtype=np.int32))

    def _sum(self, text: TextTower, named: Tensor | None, identity: Tensor | None, facts: ProductFacts, product: Int32) -> Tensor:
        """Add up the parts of some products' bases, `named` being that of their texts."""
        parts = [] if named is None else [named]
        if self.category is not None:
            parts.append(Ragged.of_rows(facts.path_indptr, facts.path, product).sum(self.categories(text)))
        if identity is not None:
            parts.append(identity)
        if self.numeric is not None and facts.numbers is not None:
            parts.append(self.numeric(facts.numbers.summed(product)))
        if self.attributes is not None:
            parts.append(self.attributes(facts.attributes.summed(product)))
        if self.brand is not None:
            parts.append(self.brand(facts.brands.summed(product)))
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]

    def categories(self, text: TextTower) -> Tensor:
        """Encode all categories by name, plus an embedding each where categories are part of the tower: [categories, d]."""
        named = text.nodes("category")
        return named if self.category is None else named + self.category

    def forward(self, inputs: ProductInputs, base: Tensor, query_text: Tensor, query: Int32, bases: Tensor) -> Tensor:
        """Add the neighbours' messages to the bases.

        Shapes:
            - base: [n, d], from `TwoTower.product_bases`
            - query_text: [q, d], of the queries numbered query [q], ascending
            - bases: [catalogue, d], stored, no gradient
            - returns: [n, d], unit length
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
        return torch.as_tensor(functional.normalize(vector, dim=1))

    def _messages(self, drawn: Neighbours, rows: Int64 | None = None) -> Ragged:
        """Weigh neighbours by edge weight and age; `rows` says where their vectors stand, by default at their own numbers."""
        return Ragged.of(drawn.indptr, drawn.index if rows is None else rows, importance(drawn, self._settings.half_life_days))

    def table_parameters(self) -> list[nn.Parameter]:
        """Return the weights that train at the rate of embedding tables."""
        return [] if self.category is None else [self.category]

    @cached_property
    def _known(self) -> ProductFacts:
        """The facts of the graph's products, whose texts the text tower knows by number."""
        features = self._features
        numbers = None if self.numeric is None else code_quantiles(features.graph, self._settings.numeric_buckets)
        return ProductFacts((), features.path_indptr, features.path, features.product_attributes, features.brands, numbers)

    @staticmethod
    def _values(codes: Codes, dimension: int) -> ValueTable | None:
        return ValueTable(codes.num_rows, dimension) if codes.num_rows else None
