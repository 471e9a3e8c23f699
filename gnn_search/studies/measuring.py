"""Measure the models of a study: the cases of a seed, and the recall of each case by every channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gnn_search.arrays import Float64
from gnn_search.config.training import TrainingConfig
from gnn_search.errors import RequestError
from gnn_search.evaluation.metrics.hits import Hits, find_places
from gnn_search.evaluation.metrics.relevance import recall
from gnn_search.evaluation.run import rank_blocks
from gnn_search.evaluation.slices import Slice
from gnn_search.graph.cases import Cases, build_cases, sample_rows, take_cases
from gnn_search.graph.store import Graph
from gnn_search.retrieval.rankers.build import model_case_rankers
from gnn_search.retrieval.ranking import CaseRanker
from gnn_search.trained.model import Model
from gnn_search.trained.node_embeddings import encode_nodes

CHANNELS = ("reranked", "vector", "graph", "no user")
"""The reranked channel, vectors alone, the graph channel alone, and the reranked channel without the user."""


@dataclass(frozen=True)
class Measuring:
    """How the models of a study are measured.

    Attributes:
        split: Period of the cases.
        limit: Most cases a seed.
        fitted: Validation cases that the rerankers of a seed may be fitted on; these are left out.
    """

    split: Literal["validation", "test"]
    limit: int | None
    fitted: int


def measuring_of(configs: Sequence[TrainingConfig], split: Literal["validation", "test"], limit: int | None) -> Measuring:
    """Return how the models of some configurations are measured: all on cases that none of their rerankers was fitted on."""
    fitted = [config.reranker.cases for config in configs if config.reranker.enabled] if split == "validation" else []
    return Measuring(split, limit, max(fitted, default=0))


def study_cases(graph: Graph, measuring: Measuring, seed: int) -> Cases:
    """Return the cases of a seed.

    The reranker is fitted on validation cases, where it would look better than it is, so these are left out for all models of the seed.
    (Early stopping goes by validation cases too, but only chooses among some ten sets of weights.)

    Raises:
        RequestError: No case is left.
    """
    cases = build_cases(graph, measuring.split)
    if measuring.fitted:
        fitted = sample_rows(len(cases), measuring.fitted, seed)
        left = np.setdiff1d(np.arange(len(cases), dtype=np.int64), fitted, assume_unique=True)
        if not len(left):
            raise RequestError(
                f"the reranker is fitted on all {len(cases):,} validation cases of {graph.path}, so none is left to measure on; set "
                "override: {reranker: {cases: …}} to fewer, or split: test"
            )
        cases = take_cases(cases, left)
    return take_cases(cases, sample_rows(len(cases), measuring.limit or len(cases), seed))


def model_recalls(model: Model, cases: Cases, slices: Sequence[Slice], k: Sequence[int]) -> dict[str, Float64]:
    """Return the recalls of a model by channel; one without a reranker has no `graph`, and its `reranked` is its `vector`.

    Shapes:
        - returns: float64 [slices, k, cases] each, NaN for a case that does not count in the slice
    """
    rankers = model_case_rankers(model, encode_nodes(model, cases.time))
    channels = CHANNELS if model.reranker is not None else ("reranked", "no user")
    catalogue = model.graph.num_nodes["product"]
    found = {channel: case_recalls(cases, ranker, slices, k, catalogue) for channel, ranker in zip(channels, rankers, strict=True)}
    return {channel: found.get(channel, found["reranked"]) for channel in CHANNELS if channel in found or channel == "vector"}


def case_recalls(cases: Cases, ranker: CaseRanker, slices: Sequence[Slice], k: Sequence[int], num_products: int) -> Float64:
    """Return the recall of each case in each slice at each cut-off.

    Shapes:
        - returns: float64 [slices, k, cases], NaN for a case that does not count in the slice
    """
    case_of_row = cases.case_of_row()
    place_of_row = np.zeros(len(cases.product), dtype=np.int32)
    for case, product in rank_blocks(cases, ranker, max(k), num_products):
        row, place = find_places(product, case, cases)
        place_of_row[row] = place
    hits = Hits.from_places(place_of_row, case_of_row, len(cases))
    values = np.full((len(slices), len(k), len(cases)), np.nan)
    for i, part in enumerate(slices):
        relevant = np.bincount(case_of_row[part.rows], minlength=len(cases))
        counted = relevant > 0
        selected = hits.select(part.rows, relevant)
        for j, cut in enumerate(k):
            values[i, j, counted] = recall(selected, cut)[counted]
    return values
