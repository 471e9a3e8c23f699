"""Bring queries near the texts of their positive products, by the text tower alone, before the graph is learned from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gnn_search.arrays import Int32, sorted_unique
from gnn_search.config.training import OptimiserSettings, PretrainSettings
from gnn_search.model.losses import log_mass, sampled_softmax
from gnn_search.model.text_tower import TextTower
from gnn_search.sampling.batches import Examples
from gnn_search.sampling.negatives.in_batch import InBatchNegatives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.random_source import RandomSource
from gnn_search.training.optimiser import Optimisers

PretrainListener = Callable[[int, int, int, float], None]
"""Called after each step with: steps done, steps in all, pairs in the step, loss."""


def pretrain(
    tower: TextTower,
    settings: PretrainSettings,
    optimiser: OptimiserSettings,
    examples: Examples,
    num_nodes: dict[str, int],
    listener: PretrainListener,
    *,
    temperature: float,
    seed: int,
) -> None:
    """Train a text tower on the distinct (query, product) pairs of the training period.

    The loss is the sampled softmax over the products of the batch, corrected by logQ; known positives of a query are never
    taught as wrong for it. Only texts are read, and no event after the training period.

    Args:
        tower: Changed in place.
        settings: Of the pre-training.
        optimiser: Of the training after it; the rates are those of `settings`.
        examples: Of the training period.
        num_nodes: Nodes of the graph by type.
        listener: Called after each step.
        temperature: What a cosine is divided by.
        seed: Of the order of the pairs.
    """
    query, product = distinct_pairs(examples, num_nodes["product"])
    nobody = np.full(len(query), -1, dtype=np.int32)
    known = KnownPositives("query", nobody, query, product, num_nodes["query"], num_nodes["product"])
    negatives = InBatchNegatives(product, num_nodes["product"])
    # The loop's own optimisers, under the names that the weights have in the towers.
    rates = {"learning_rate": settings.learning_rate, "table_learning_rate": settings.learning_rate}
    batches_per_epoch = -(-len(query) // settings.batch_size)
    total = settings.epochs * batches_per_epoch
    optimisers = Optimisers(nn.ModuleDict({"text": tower}), optimiser.model_copy(update=rates), total)
    random = RandomSource(seed)
    for epoch in range(settings.epochs):
        order = random.generator("pretraining", epoch).permutation(len(query))
        for place, batch in enumerate(np.array_split(order, batches_per_epoch)):
            step = epoch * batches_per_epoch + place
            loss = _loss(tower, query[batch], product[batch], known, negatives, temperature)
            loss.backward()  # type: ignore[no-untyped-call]
            optimisers.step(step)
            listener(step + 1, total, len(batch), loss.item())


def distinct_pairs(examples: Examples, num_products: int) -> tuple[Int32, Int32]:
    """Return the distinct pairs of query and product among examples, in ascending order: int32 [pairs] each."""
    keys = sorted_unique(examples.query.astype(np.int64) * num_products + examples.product)
    return (keys // num_products).astype(np.int32), (keys % num_products).astype(np.int32)


def _loss(
    tower: TextTower, query: Int32, product: Int32, known: KnownPositives, negatives: InBatchNegatives, temperature: float
) -> torch.Tensor:
    pool, own = np.unique(product, return_inverse=True)
    distinct, row_of = np.unique(query, return_inverse=True)
    products = functional.normalize(tower.nodes("product", pool), dim=1)
    queries = functional.normalize(tower.nodes("query", distinct), dim=1)[torch.from_numpy(row_of)] / temperature
    row, column = known.among(np.full(len(query), -1, dtype=np.int32), query, pool)
    presence = np.log(-np.expm1(negatives.log_absence(pool, len(query)))).astype(np.float32)
    mass = log_mass(queries, products, torch.from_numpy(presence), torch.from_numpy(row), torch.from_numpy(column))
    positive = (queries * products[torch.from_numpy(own)]).sum(dim=1)
    return sampled_softmax(positive, mass).mean()
