"""Hash rows of numbers to 64-bit keys, so that tables of millions of rows compare in a few passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_search.arrays import Int32, Int64, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def row_keys(*columns: npt.NDArray[Any]) -> UInt64:
    """Return a key a row, the same for the same row: uint64 [rows].

    The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014) is taken of each column in
    turn. Some two rows of a billion share a key with a chance of 3 %: that can hide a fault, but never report a false one.

    Shapes:
        - columns: integers or float32, [rows] each
    """
    key = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        bits = column.view(np.uint32) if column.dtype == np.float32 else column.astype(np.int64).view(np.uint64)
        # Integer arrays wrap around in silence, which is meant.
        key = key + bits + _GOLDEN
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
    return key


def without_partner(found: UInt64, expected: UInt64) -> Int64:
    """Return the positions of the keys in `found` that are not in `expected`, ascending; of equal keys, those that are one too many.

    Shapes:
        - found: uint64 [n]
        - expected: uint64 [m]
    """
    # Sums of mixed keys agree for the same keys in any order, and else hardly ever: sorting is for what differs.
    if len(found) == len(expected) and found.sum() == expected.sum():
        return np.empty(0, np.int64)
    order = np.argsort(found, kind="stable")
    keys, start, count = np.unique(found[order], return_index=True, return_counts=True)
    partner, partners = np.unique(np.append(expected, found), return_counts=True)
    matched = partners[np.searchsorted(partner, keys)] - count
    rank = np.arange(len(found)) - np.repeat(start, count)
    return np.sort(order[rank >= np.repeat(matched, count)]).astype(np.int64)


def pair_keys(a: Int32, b: Int32, num_b: int) -> Int64:
    """Return one distinct number a pair, int64 [n]."""
    return np.asarray(a).astype(np.int64) * num_b + np.asarray(b)
