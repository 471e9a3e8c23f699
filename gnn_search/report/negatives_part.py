"""The negatives that the model was trained with: how hard, how often wrong, and examples with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gnn_search.config.base import StrictModel
from gnn_search.model.node_encoder import NodeEncoder
from gnn_search.sampling.batches import BatchSampler
from gnn_search.trained.model import Model
from gnn_search.training.negative_examples import QueryNegatives, choose_negatives, show_negatives
from gnn_search.training.negative_study import NegativeStudy

_MINED = "dynamic"
"""Negatives whose lists a search through the whole catalogue makes: too long a work for a page."""


class SamplerSummary(StrictModel):
    """What one sampler drew in training, as the model folder records it."""

    kind: str
    draws: int
    share_masked: float
    share_fallbacks: float
    study: NegativeStudy


class NegativesPart(StrictModel):
    """The samplers, and what they draw against the latest positive products of some queries.

    Attributes:
        left_out: Kinds of which no example is drawn.
    """

    samplers: tuple[SamplerSummary, ...]
    examples: tuple[QueryNegatives, ...]
    left_out: tuple[str, ...]


def describe_negatives(model: Model, queries: int = 3, each: int = 4) -> NegativesPart | None:
    """Describe a model's negatives; None where its folder keeps no study of them."""
    samplers = read_samplers(model.manifest.training)
    if not samplers:
        return None
    kinds = [one.kind for one in samplers]
    drawn = [kind for kind in kinds if kind != _MINED]
    return NegativesPart(
        samplers=samplers,
        examples=_examples(model, drawn, queries, each) if drawn else (),
        left_out=tuple(kind for kind in kinds if kind not in drawn),
    )


def read_samplers(training: Mapping[str, Any]) -> tuple[SamplerSummary, ...]:
    """Read the samplers that have a study from `training` of a model's manifest."""
    return tuple(
        SamplerSummary.model_validate({name: one[name] for name in SamplerSummary.model_fields})
        for one in training.get("negatives", ())
        if one.get("study") is not None
    )


def _examples(model: Model, kinds: Sequence[str], queries: int, each: int) -> tuple[QueryNegatives, ...]:
    graph = model.graph
    batches = BatchSampler(graph, choose_negatives(model.config, kinds, each))
    encoder = NodeEncoder(model.towers, model.inputs, graph.before(graph.manifest.validation_start))
    issued = np.bincount(batches.examples.query[batches.examples.query >= 0], minlength=graph.num_nodes["query"])
    order = np.lexsort((np.arange(len(issued)), -issued))[:queries]
    texts = graph.nodes("query")["query"]
    return tuple(show_negatives(encoder, batches, texts[int(query)], None, each, kinds, kinds) for query in order if issued[query])
