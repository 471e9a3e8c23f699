"""The recall of every case by every way in which a model ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnn_search.evaluation.metrics.hits import Hits, find_places
from gnn_search.evaluation.metrics.relevance import recall
from gnn_search.evaluation.run import rank_blocks
from gnn_search.evaluation.slices import Slice
from gnn_search.graph.cases import Cases
from gnn_search.model.store import Model
from gnn_search.retrieval.channels import model_rankers
from gnn_search.retrieval.ranking import Ranker
from gnn_search.vectors.shop_vectors import encode_shop

Float64 = NDArray[np.float64]

WAYS = ("full", "vectors", "walk", "no user")
"""Vectors and walk together, either alone, and both without the shopper."""


def model_recalls(model: Model, cases: Cases, slices: Sequence[Slice], k: Sequence[int]) -> dict[str, Float64]:
    """Return the recalls of a model by each of its ways; one without a walk term has no `walk`, and its `full` is that of its vectors.

    Shapes:
        Each float64[slices, k, cases], NaN for a case that does not count in the slice.
    """
    rankers = model_rankers(model, encode_shop(model, cases.time))
    ways = WAYS if model.walk is not None else ("full", "no user")
    catalogue = model.graph.num_nodes["product"]
    found = {way: case_recalls(cases, ranker, slices, k, catalogue) for way, ranker in zip(ways, rankers, strict=True)}
    return {way: found.get(way, found["full"]) for way in WAYS if way in found or way == "vectors"}


def case_recalls(cases: Cases, ranker: Ranker, slices: Sequence[Slice], k: Sequence[int], num_products: int) -> Float64:
    """Return the recall of each case in each slice at each cut-off.

    Shapes:
        Returns float64[slices, k, cases], NaN for a case that does not count in the slice.
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
