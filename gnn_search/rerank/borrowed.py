"""Interaction features that a request borrows from the known queries that are like its own."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float32, Int64, expand_ranges
from gnn_search.graph.known_queries.lenders import MEANING, SPELLING, STEMS, Lenders
from gnn_search.rerank.candidates import CandidateIndex

_SMOOTHING = 0.01
BORROWED_FEATURES = (
    "borrowed: share of the lenders' interactions",
    "borrowed: recent share of the lenders' interactions",
    "borrowed: times",
    "borrowed: best lender of the product",
    "borrowed: share of the category in the lenders' interactions",
    "borrowed: weight of all lenders",
    "borrowed: weight of the best lender",
    "borrowed: likeness by spelling of the best lender",
    "borrowed: likeness by stems of the best lender",
    "borrowed: likeness by meaning of the best lender",
)
"""Names of the columns of `borrowed_features`: logarithms of shares and counts weighted by the lenders' weights, and these themselves."""


def borrowed_features(index: CandidateIndex, lenders: Lenders, row: Int64, product: Int64) -> Float32:
    """Describe each candidate by what the lenders of its request led to; all columns are 0 for a request without lenders.

    Shapes:
        - lenders: of the requests
        - row, product: int64 [pairs], the request and the product of each candidate
        - returns: float32 [pairs, BORROWED_FEATURES]
    """
    columns = np.zeros((len(row), len(BORROWED_FEATURES)), dtype=np.float32)
    sizes = np.diff(lenders.indptr)
    borrows = np.flatnonzero(sizes[row] > 0)
    if not len(borrows):
        return columns
    row, product = row[borrows], product[borrows]
    pair, lender = expand_ranges(lenders.indptr[row], lenders.indptr[row + 1])
    query, weight = lenders.query[lender].astype(np.int64), lenders.weight[lender].astype(np.float64)
    count, recent = index.query_totals
    late = -2 if recent.shape[1] > 1 else -1
    total = np.bincount(lenders.row, weights=lenders.weight, minlength=len(lenders))[row]
    place = index.query_interactions.find(query, product[pair], index.num_products)
    led = np.flatnonzero(place >= 0)
    pair_led, place, query_led, weight_led = pair[led], place[led], query[led], weight[led]
    times = index.query_interactions.count[place]
    parts = (
        weight_led * times / np.maximum(count[query_led], 1e-9),
        weight_led * index.query_interactions.recent[place, late] / np.maximum(recent[query_led, late], 1e-9),
        weight_led * times,
    )
    share, recent_share, borrowed_times = (np.bincount(pair_led, weights=part, minlength=len(row)) for part in parts)
    best = np.zeros(len(row))
    np.maximum.at(best, pair_led, weight_led)
    category = index.product_category[product].astype(np.int64)[pair]
    of_category = index.query_categories.find(np.where(category >= 0, query, -1), category, index.num_categories)
    held = np.flatnonzero(of_category >= 0)
    in_category = weight[held] * index.query_categories.count[of_category[held]] / np.maximum(count[query[held]], 1e-9)
    category_share = np.bincount(pair[held], weights=in_category, minlength=len(row))
    first = lenders.likeness[lenders.indptr[row]]
    described = [
        *(np.log(part / total + _SMOOTHING) - np.log(_SMOOTHING) for part in (share, recent_share)),
        np.log1p(borrowed_times),
        best,
        np.log(category_share / total + _SMOOTHING) - np.log(_SMOOTHING),
        lenders.reach()[row],
        lenders.best()[1][row],
        first[:, SPELLING],
        first[:, STEMS],
        first[:, MEANING],
    ]
    columns[borrows] = np.stack(described, axis=1)
    return columns
