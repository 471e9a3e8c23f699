"""Products bought together, counted from baskets at several times, so that a view of the past knows nothing of the future."""

from __future__ import annotations

import numpy as np

from gnn_search.arrays import Float32, Int32, Int64
from gnn_search.config.recipe import BoughtWith
from gnn_search.graph.csr import EdgeList

_PAIRS_A_BLOCK = 20_000_000


def count_bought_with(basket: Int64, product: Int32, time: Int64, snapshots: Int64, num_products: int, settings: BoughtWith) -> EdgeList:
    """Count pairs of products in baskets, anew at each snapshot, and keep the best partners of each product: edges product -> partner.

    The weight of a pair is n_ab * ln(1 + lift), lift = n_ab * N / (n_a * n_b), with n the baskets that hold a, b or both, and N all
    baskets, counted up to the snapshot. An edge of the snapshot at s carries the time s - 1, the last time that it counts.

    Shapes:
        - basket: int64 [n], of each purchase
        - product: int32 [n]
        - time: int64 [n], µs, ascending
        - snapshots: int64 [s], µs, ascending, at least one; purchases at or after the last one are not counted
    """
    basket, product, stage = _distinct_in_each_basket(basket, product, np.searchsorted(snapshots, time, side="right"))
    pair, stage_of_pair, count = _count_pairs(basket, product, stage, len(snapshots), num_products, settings)
    baskets_by_stage = np.bincount(stage[np.r_[True, basket[1:] != basket[:-1]]] if len(basket) else stage, minlength=len(snapshots) + 1)
    parts = []
    for snapshot in range(len(snapshots)):
        seen = stage_of_pair <= snapshot
        alone = np.bincount(product[stage <= snapshot], minlength=num_products)
        parts.append(_best_partners(pair[seen], count[seen], alone, int(baskets_by_stage[: snapshot + 1].sum()), num_products, settings))
    sizes = [len(part[0]) for part in parts]
    return EdgeList(
        source=np.concatenate([part[0] for part in parts]).astype(np.int32),
        target=np.concatenate([part[1] for part in parts]).astype(np.int32),
        time=np.repeat(snapshots - 1, sizes).astype(np.int64),
        weight=np.concatenate([part[2] for part in parts]).astype(np.float32),
    )


def _distinct_in_each_basket(basket: Int64, product: Int32, stage: Int64) -> tuple[Int64, Int32, Int64]:
    """Order purchases by basket then time, and drop a product's repeats in a basket."""
    first_of_pair = np.lexsort((np.arange(len(basket)), product, basket))
    same = (np.diff(basket[first_of_pair]) == 0) & (np.diff(product[first_of_pair]) == 0)
    kept = np.sort(first_of_pair[np.r_[True, ~same]] if len(basket) else first_of_pair)
    order = kept[np.argsort(basket[kept], kind="stable")]
    return basket[order], product[order], stage[order]


def _count_pairs(
    basket: Int64, product: Int32, stage: Int64, num_snapshots: int, num_products: int, settings: BoughtWith
) -> tuple[Int64, Int64, Int64]:
    """Count unordered pairs (low * num_products + high) by the stage of the later purchase: pair, stage, count; rare ones dropped."""
    # A product pairs with the `max_basket` - 1 that follow it in its basket. Keeping only a basket's latest products would bound the work
    # as well, but then what is bought later would take away what was known earlier.
    stages = num_snapshots + 1
    end = np.searchsorted(basket, basket, side="right") if len(basket) else np.empty(0, np.int64)
    partners = np.minimum(end - np.arange(len(basket)), settings.max_basket) - 1
    block = np.cumsum(partners) // _PAIRS_A_BLOCK
    keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for number in range(int(block[-1]) + 1 if len(block) else 0):
        rows = np.flatnonzero(block == number)
        first = np.repeat(rows, partners[rows])
        second = np.arange(len(first)) - np.repeat(np.cumsum(partners[rows]) - partners[rows], partners[rows]) + first + 1
        low, high = np.minimum(product[first], product[second]).astype(np.int64), np.maximum(product[first], product[second])
        fresh = (low * num_products + high) * stages + stage[second]
        fresh = fresh[stage[second] < num_snapshots]
        keys, counts = _merge_counts(keys, counts, *np.unique(fresh, return_counts=True))
    pair = keys // stages
    starts = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]]) if len(pair) else np.empty(0, np.int64)
    total = np.add.reduceat(counts, starts) if len(starts) else counts
    frequent = np.repeat(total, np.diff(np.r_[starts, len(pair)])) >= settings.min_count
    return pair[frequent], (keys % stages)[frequent], counts[frequent]


def _merge_counts(keys: Int64, counts: Int64, more_keys: Int64, more_counts: Int64) -> tuple[Int64, Int64]:
    if not len(keys):
        return more_keys, more_counts
    merged, inverse = np.unique(np.concatenate([keys, more_keys]), return_inverse=True)
    total = np.zeros(len(merged), np.int64)
    np.add.at(total, inverse, np.concatenate([counts, more_counts]))
    return merged, total


def _best_partners(
    pair: Int64, count: Int64, alone: Int64, baskets: int, num_products: int, settings: BoughtWith
) -> tuple[Int64, Int64, Float32]:
    """Add up the stages of each pair and keep the `top` heaviest partners of each product, lightest first."""
    if not len(pair):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    starts = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
    shared = np.add.reduceat(count, starts)
    pair = pair[starts][shared >= settings.min_count]
    shared = shared[shared >= settings.min_count]
    low, high = pair // num_products, pair % num_products
    weight = (shared * np.log1p(shared * baskets / (alone[low] * alone[high]))).astype(np.float32)
    product, partner, weight = np.concatenate([low, high]), np.concatenate([high, low]), np.concatenate([weight, weight])
    order = np.lexsort((partner, weight, product))
    product, partner, weight = product[order], partner[order], weight[order]
    end = np.searchsorted(product, product, side="right")
    kept = end - 1 - np.arange(len(product)) < settings.top
    return product[kept], partner[kept], weight[kept]
