"""Make the negative samplers of a configuration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnn_search.arrays import Int32, sorted_unique
from gnn_search.config.negatives import Dynamic, InBatch, InBatchHard, Lexical, Mask, Taxonomic, Uniform
from gnn_search.config.training import TrainingConfig
from gnn_search.graph.store import Graph
from gnn_search.sampling.negatives.base import OwnNegativeSampler, SharedNegativeSampler
from gnn_search.sampling.negatives.in_batch import InBatchNegatives
from gnn_search.sampling.negatives.in_batch_hard import InBatchHardNegatives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.negatives.listed import ListedNegatives
from gnn_search.sampling.negatives.taxonomy import TaxonomyNegatives
from gnn_search.sampling.negatives.uniform import UniformNegatives
from gnn_search.sampling.random_source import RandomSource


@dataclass(frozen=True)
class NegativeSamplers:
    """All samplers of a run.

    Attributes:
        known: What is masked in the pool.
        shared: Those that make up the pool.
        own: Those that draw for each example, by name.
        hardest: Picks from the pool; None where it is off.
        dynamic: The one among `own` whose lists the training loop makes; None where it is off.
    """

    known: KnownPositives
    shared: list[SharedNegativeSampler]
    own: dict[str, OwnNegativeSampler]
    hardest: InBatchHardNegatives | None
    dynamic: ListedNegatives | None

    def describe(self) -> list[dict[str, Any]]:
        """Return what each sampler does and has counted."""
        described = [sampler.describe() for sampler in self.shared] + [sampler.describe() for sampler in self.own.values()]
        return [*described, self.hardest.describe()] if self.hardest else described


def build_samplers(
    config: TrainingConfig, graph: Graph, user: Int32, query: Int32, product: Int32, random: RandomSource
) -> NegativeSamplers:
    """Make the samplers of a configuration for the training examples (user, query, product), each int32 [examples]."""
    return _Builder(config, graph, user, query, product, random).build()


class _Builder:
    def __init__(self, config: TrainingConfig, graph: Graph, user: Int32, query: Int32, product: Int32, random: RandomSource) -> None:
        self._config, self._graph, self._random = config, graph, random
        self._user, self._query, self._product = user, query, product
        self._num_products = graph.num_nodes["product"]
        self._known: dict[Mask, KnownPositives] = {}

    def build(self) -> NegativeSamplers:
        shared: list[SharedNegativeSampler] = []
        own: dict[str, OwnNegativeSampler] = {}
        hardest, dynamic = None, None
        for settings in self._config.negatives:
            known = self._known_by(self._config.mask_of(settings))
            if isinstance(settings, InBatch):
                shared.append(InBatchNegatives(self._product, self._num_products))
            elif isinstance(settings, Uniform):
                shared.append(UniformNegatives(settings.count, self._num_products, self._random))
            elif isinstance(settings, Taxonomic):
                own[settings.kind] = self._taxonomy(settings, known)
            elif isinstance(settings, InBatchHard):
                hardest = InBatchHardNegatives(settings.count, known)
            elif isinstance(settings, Dynamic):
                dynamic = own[settings.kind] = self._listed(settings, "the products nearest to the query by the model", known)
            else:
                own[settings.kind] = self._lexical(settings, known)
        return NegativeSamplers(self._known_by(self._config.pool_mask), shared, own, hardest, dynamic)

    def _known_by(self, mask: Mask) -> KnownPositives:
        if mask not in self._known:
            sizes = self._graph.num_nodes["query"], self._num_products
            self._known[mask] = KnownPositives(mask, self._user, self._query, self._product, *sizes)
        return self._known[mask]

    def _taxonomy(self, settings: Taxonomic, known: KnownPositives) -> TaxonomyNegatives:
        before = time.thread_time()
        popularity = np.bincount(self._product, minlength=self._num_products)
        shape = settings.levels, settings.count, popularity, settings.alpha
        sampler = TaxonomyNegatives(self._graph.taxonomy, *shape, known, self._random, settings.start_levels)
        sampler.tally.add_index_seconds(time.thread_time() - before)
        return sampler

    def _listed(self, settings: Dynamic | Lexical, source: str, known: KnownPositives) -> ListedNegatives:
        shape = settings.count, settings.depth, settings.skip, self._num_products
        return ListedNegatives(settings.kind, source, *shape, known, self._random)

    def _lexical(self, settings: Lexical, known: KnownPositives) -> ListedNegatives:
        # Imported here: the library is heavy, and a search never needs it.
        from gnn_search.sampling.negatives.lexical_lists import lexical_lists

        sampler = self._listed(settings, "the products with the best BM25 score for the query", known)
        before = time.thread_time()
        sampler.use_lists(lexical_lists(self._graph, sorted_unique(self._query), settings.depth, known))
        sampler.tally.add_index_seconds(time.thread_time() - before)
        return sampler
