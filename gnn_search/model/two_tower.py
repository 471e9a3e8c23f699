"""The two-tower model: products, queries and users as unit vectors of one space."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn_search.arrays import Int32
from gnn_search.config.training import TrainingConfig
from gnn_search.model.aggregation import Ragged, recency
from gnn_search.model.features import Features, ProductFacts
from gnn_search.model.objective import HingeObjective, Losses, SoftmaxObjective, Thresholds, batch_losses
from gnn_search.model.product_tower import ProductTower
from gnn_search.model.query_tower import QueryTower
from gnn_search.model.shared_attributes import SharedAttributes
from gnn_search.model.text_tower import TextTower
from gnn_search.model.user_tower import Slots, Traits, UserLists, UserTower
from gnn_search.sampling.batches import Batch
from gnn_search.sampling.inputs import UserInputs


class TwoTower(nn.Module):
    """Text, product, query and user towers.

    Encoding has three layers: product bases (text, category, ID embedding), product vectors (bases and messages of queries and partners),
    and the vectors of queries and users (of product vectors). A training step computes the first two for the batch's products alone
    and reads those of all others from tables of stored vectors, as in GNNAutoScale (Fey et al., arXiv 2106.05609), so several hops cost
    about one. A stored vector is that of the last step or refresh that made it, whose window may be later than the batch's: like the
    weights, it may have seen all of the training period, and nothing after it.
    """

    bases: Tensor
    vectors: Tensor

    def __init__(self, config: TrainingConfig, features: Features, text: TextTower) -> None:
        super().__init__()
        self.config = config
        self._features = features
        self.text = text
        self.product = ProductTower(config.product, config.dimension, features)
        self.query = QueryTower(config.query, config.dimension, features.graph.num_nodes["query"])
        shared = config.shared_attributes
        self.user = UserTower(
            config.user,
            config.dimension,
            sequences=len(features.graph.positive_actions) if config.user.by_action else 1,
            attributes=features.attributes.num_rows,
            brands=bool(features.brands.num_rows),
            shared=bool(shared),
        )
        self.shared = SharedAttributes(features.graph, shared, config.dimension) if shared else None
        hinge = config.loss.kind == "hinge"
        # A hinge scores by the cosine alone.
        self.log_temperature = None if hinge else nn.Parameter(torch.tensor(math.log(config.loss.temperature)))
        self.score_thresholds = Thresholds(config.loss, features.graph.positive_actions) if hinge else None
        shape = (features.graph.num_nodes["product"], config.dimension)
        self.register_buffer("bases", torch.zeros(shape))
        self.register_buffer("vectors", torch.zeros(shape))

    @property
    def temperature(self) -> Tensor:
        """What a cosine is divided by to make a score; 1 where the loss is a hinge."""
        if self.log_temperature is None:
            return torch.ones(())
        return torch.exp(self.log_temperature).clamp(min=0.005)

    @property
    def thresholds(self) -> dict[str, float]:
        """The cosine above which a product answers a query, by action kind; empty unless the loss is a hinge."""
        return {} if self.score_thresholds is None else self.score_thresholds.by_action()

    def score_scale(self) -> dict[str, float]:
        """Return what the loss learns beside the vectors, by name: the temperature, or each action's threshold."""
        if self.log_temperature is not None:
            return {"temperature": self.temperature.item()}
        return {f"{action}_threshold": value for action, value in self.thresholds.items()}

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Return the losses of a batch, and store the product vectors that it computed."""
        text = self.query_texts(batch.queries.query)
        spared = torch.rand(len(batch.products.product), generator=generator) >= self.config.product.cold_start_share
        with_id_embedding = torch.from_numpy(batch.products.known) | spared
        base = self.product_bases(batch.products.product, with_id_embedding)
        product = self.product(batch.products, base, text, batch.queries.query, self.bases)
        # A product without its ID embedding for this step alone must not be remembered so.
        self._store(batch.products.product, base, product, with_id_embedding)
        # Other queries' messages to products keep the texts as they are.
        augmented = self.text(batch.texts.texts)
        noisy = len(batch.texts.noisy)
        query = self.query(
            batch.queries, text.index_copy(0, torch.from_numpy(batch.texts.noisy), augmented[:noisy]), self.vectors, generator
        )
        query = torch.cat([query, functional.normalize(augmented[noisy:], dim=1)])
        personal = self.personalise(query[torch.from_numpy(batch.query)], batch.users, self.vectors)
        return self._losses(batch, personal, product)

    def query_texts(self, query: Int32) -> Tensor:
        """Encode the texts of known queries: [n, d]."""
        return self.text.nodes("query", query)

    def product_bases(self, product: Int32, with_id_embedding: Tensor) -> Tensor:
        """Encode products without neighbours: [n, d]. with_id_embedding: bool [n], whose ID embeddings count."""
        base = torch.as_tensor(self.product.base(self.text, product, with_id_embedding))
        return base if self.shared is None else base + self.shared.of_products(product)

    def new_product_bases(self, products: ProductFacts) -> Tensor:
        """Encode products that are not in the graph, without neighbours, as products without an interaction: [n, d]."""
        base = torch.as_tensor(self.product.new_base(self.text, products))
        if self.shared is None or products.shared is None:
            return base
        return base + self.shared.of_products(np.arange(products.count), products.shared)

    def personalise(self, query: Tensor, users: UserInputs, products: Tensor, traits: Traits | None = None) -> Tensor:
        """Move queries towards their users; one of whom nothing is known leaves the query as it is.

        Shapes:
            - query: [n, d]
            - users: of each query
            - products: [catalogue, d], without gradient
            - traits: the users' attributes, where they are not those of the graph's nodes
            - returns: [n, d], unit length
        """
        user = self.user_vectors(users, products, traits)[torch.from_numpy(users.row)]
        history = None if self.user.attention is None else Slots.of(users.history, products)
        return torch.as_tensor(self.user(query, user, history))

    def user_vectors(self, users: UserInputs, products: Tensor, traits: Traits | None = None) -> Tensor:
        """Encode users without a query: [users, d], zero for one of whom nothing is known.

        Shapes:
            - products: [catalogue, d], without gradient
            - traits: the users' attributes, where they are not those of the graph's nodes
        """
        recent = []
        for sequence in users.recent:
            weight = sequence.count * recency(sequence.indptr, sequence.age, self.config.user.half_life_days)
            recent.append(Ragged.of(sequence.indptr, sequence.product, weight.astype(np.float32)))
        profile, brands = users.profile, self._features.brands
        attributes = self._features.attributes if traits is None else traits.attributes
        shared = traits.shared if traits is not None else None if self.shared is None else self.shared.users
        lists = UserLists(
            recent,
            None if self.user.attributes is None else attributes.averaged(users.user),
            None if self.user.from_brands is None else Ragged.of_known(profile.indptr, brands.code[profile.product, 0]),
            None if shared is None else shared.summed(users.user),
            len(users.user),
        )
        return self.user.encode(lists, products, self.product.brand, None if self.shared is None else self.shared.values)

    def traits_of(self, users: pl.DataFrame) -> Traits:
        """Look up attributes, in the graph's columns, of users who are not in it; a value that no user of the graph has is unknown."""
        return Traits(self._features.user_values.code(users), None if self.shared is None else self.shared.user_values.code(users))

    def category_vectors(self, paths: Int32) -> Tensor:
        """Encode categories from their paths to the top, int32 [n, levels] padded with -1: [n, d], unit length."""
        inside = paths >= 0
        indptr = np.cumsum(np.r_[0, inside.sum(axis=1)])
        return functional.normalize(Ragged.of(indptr, paths[inside]).sum(self.product.categories(self.text)), dim=1)

    @torch.no_grad()
    def remember(self, bases: Tensor, vectors: Tensor) -> None:
        """Store the bases and vectors of all products for the next steps, each [catalogue, d]."""
        self.bases.copy_(bases)
        self.vectors.copy_(vectors)

    @torch.no_grad()
    def _store(self, product: Int32, base: Tensor, vector: Tensor, kept: Tensor) -> None:
        rows = torch.from_numpy(product.astype(np.int64))[kept]
        self.bases[rows] = base[kept]
        self.vectors[rows] = vector[kept]

    def _losses(self, batch: Batch, query: Tensor, product: Tensor) -> Losses:
        if self.score_thresholds is None:
            scaled = query / self.temperature
            return batch_losses(SoftmaxObjective(scaled, product, batch), batch, scaled, product)
        threshold = self.score_thresholds()[torch.from_numpy(batch.action).long()]
        objective = HingeObjective(query, product, batch, threshold, self.config.loss.margin)
        return batch_losses(objective, batch, query, product)
