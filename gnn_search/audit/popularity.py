"""Check numeric product columns for popularity counted from later events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy.stats import rankdata

from gnn_search.arrays import Bool, Float64, Int32, Int64, sorted_unique
from gnn_search.audit.check import MOST_EXAMPLES, Check, Observation, Severity
from gnn_search.audit.shop import AuditedShop

_SAME = 0.9
"""Share of the products with later events whose value must equal the later count for a column to be that count."""
_FEWEST = 10
"""Products with later events below which equal numbers may be chance."""
_FEWEST_RANKED = 200
_SUSPECT = 0.3
"""Rank correlation with the test period's interactions, given the earlier ones, above which a column is suspect."""
_END = np.iinfo(np.int64).max


def _look(shop: AuditedShop) -> Iterator[Observation]:
    for name in shop.manifest.recipe["tables"]["products"]["numeric"]:
        value = shop.graph.nodes("product")[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        counted = _same_as_later_count(shop, value)
        if len(counted):
            yield _seen(shop, name, value, counted, "error", "counts a product's events including those of the test period")
            continue
        correlation = _partial_rank_correlation(shop, value)
        if abs(correlation) > _SUSPECT:
            rows = np.flatnonzero(~np.isnan(value))
            meaning = (
                f"predicts the interactions of the test period beyond what the earlier ones do (partial rank correlation {correlation:.2f})"
            )
            yield _seen(shop, name, value, rows, "warning", meaning)


def _seen(shop: AuditedShop, name: str, value: Float64, rows: Int64, severity: Severity, what: str) -> Observation:
    return Observation(
        severity=severity,
        count=len(rows),
        meaning=f"The product column '{name}' {what}: popularity from the future.",
        advice=f"Take '{name}' as it stood when validation started, or leave it out of the recipe.",
        examples=tuple({"product_id": shop.id_of("product", int(row)), name: float(value[row])} for row in rows[:MOST_EXAMPLES]),
    )


def _same_as_later_count(shop: AuditedShop, value: Float64) -> Int64:
    """Return the products whose value is a count that only the later events make, int64 [n]; none where too few or other values are."""
    for rows, distinct in ((shop.positive, False), (np.ones_like(shop.positive), False), (shop.positive & (shop.user >= 0), True)):
        count, before = (_count(shop, rows & (shop.time < end), distinct=distinct) for end in (_END, shop.manifest.validation_start))
        moved = np.flatnonzero(count != before)
        same: Int64 = moved[value[moved] == count[moved]]
        if len(moved) >= _FEWEST and len(same) >= _SAME * len(moved):
            return same
    return np.empty(0, np.int64)


def _partial_rank_correlation(shop: AuditedShop, value: Float64) -> float:
    """Return Spearman's correlation of a column with the test period's interactions, given those before it; 0 where nothing can be said."""
    later, before = (_count(shop, shop.positive & rows) for rows in (shop.in_period("test"), shop.time < shop.manifest.test_start))
    known = ~np.isnan(value) & ((later > 0) | (before > 0))
    if known.sum() < _FEWEST_RANKED or len(sorted_unique(value[known])) < 2:
        return 0.0
    column, tested, past = (rankdata(part[known]) for part in (value, later, before))
    matrix = np.corrcoef([column, tested, past])
    ct, cp, tp = matrix[0, 1], matrix[0, 2], matrix[1, 2]
    rest = (1 - cp**2) * (1 - tp**2)
    # A column that follows the past exactly says nothing beyond it.
    return float((ct - cp * tp) / np.sqrt(rest)) if rest > 1e-9 else 0.0


def _count(shop: AuditedShop, rows: Bool, *, distinct: bool = False) -> Int64:
    product: Int32 = shop.product[rows]
    if distinct:
        product = (sorted_unique(product.astype(np.int64) << 32 | shop.user[rows]) >> 32).astype(np.int32)
    return np.bincount(product, minlength=shop.graph.num_nodes["product"]).astype(np.int64)


CHECKS = (Check("popularity", "numeric product columns that were counted with later events", _look),)
