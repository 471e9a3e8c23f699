"""Make the negative samplers of a configuration."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gnn_search.arrays import sorted_unique
from gnn_search.config.negatives import (
    Dynamic,
    InBatch,
    InBatchHard,
    Lexical,
    LowGrade,
    Mask,
    Negatives,
    SharedNegatives,
    Taxonomic,
    Uniform,
)
from gnn_search.graph.store import Graph
from gnn_search.sampling.negatives.base import OwnNegativeSampler, Positives, SharedNegativeSampler
from gnn_search.sampling.negatives.in_batch import InBatchNegatives
from gnn_search.sampling.negatives.in_batch_hard import InBatchHardNegatives
from gnn_search.sampling.negatives.known import KnownPositives
from gnn_search.sampling.negatives.listed import ListedNegatives
from gnn_search.sampling.negatives.low_grades import low_grade_lists
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
    negatives: Sequence[Negatives], mask: Mask, graph: Graph, positives: Positives, random: RandomSource
) -> NegativeSamplers:
    """Make samplers.

    Args:
        negatives: Settings of each, one that makes up the pool among them.
        mask: Which known positives are masked, unless a sampler's settings say otherwise.
        graph: The graph.
        positives: All training examples.
        random: Source of randomness.
    """
    shared: list[SharedNegativeSampler] = []
    own: dict[str, OwnNegativeSampler] = {}
    hardest, dynamic = None, None
    num_products = graph.num_nodes["product"]

    @cache
    def known_by(rule: Mask) -> KnownPositives:
        return KnownPositives(rule, positives.user, positives.query, positives.product, graph.num_nodes["query"], num_products)

    def listed(settings: Dynamic | Lexical | LowGrade, source: str, depth: int, skip: int) -> ListedNegatives:
        known = known_by(settings.mask or mask)
        return ListedNegatives(settings.kind, source, settings.count, depth, skip, num_products, known, random)

    for settings in negatives:
        known, before = known_by(settings.mask or mask), time.thread_time()
        if isinstance(settings, InBatch):
            shared.append(InBatchNegatives(positives.product, num_products))
        elif isinstance(settings, Uniform):
            shared.append(UniformNegatives(settings.count, num_products, random))
        elif isinstance(settings, Taxonomic):
            popularity = np.bincount(positives.product, minlength=num_products)
            shape = settings.levels, settings.count, popularity, settings.alpha
            own[settings.kind] = TaxonomyNegatives(graph.taxonomy, *shape, known, random, settings.start_levels)
            own[settings.kind].tally.index_seconds += time.thread_time() - before
        elif isinstance(settings, InBatchHard):
            hardest = InBatchHardNegatives(settings.count, known)
        elif isinstance(settings, Dynamic):
            dynamic = own[settings.kind] = listed(settings, "the products nearest to the query by the model", settings.depth, settings.skip)
        elif isinstance(settings, LowGrade):
            lists = low_grade_lists(graph)
            own[settings.kind] = grades = listed(settings, "the products judged for the query and not relevant", lists.shape[1], 0)
            grades.use_lists(lists)
        else:
            # Imported here: the library is heavy, and a search never needs it.
            from gnn_search.sampling.negatives.lexical_lists import lexical_lists

            lexical = own[settings.kind] = listed(
                settings, "the products with the best BM25 score for the query", settings.depth, settings.skip
            )
            lexical.use_lists(lexical_lists(graph, sorted_unique(positives.query), settings.depth, known))
            lexical.tally.index_seconds += time.thread_time() - before
    pool = next(settings for settings in negatives if isinstance(settings, SharedNegatives))
    return NegativeSamplers(known_by(pool.mask or mask), shared, own, hardest, dynamic)
