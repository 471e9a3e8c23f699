"""Pairs of products in baskets, counted anew at each snapshot, against a plain count."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_search.config.recipe import BoughtWith
from gnn_search.graph import bought_with
from gnn_search.graph.bought_with import count_bought_with

Purchase = tuple[int, int, int]


def plain(purchases: list[Purchase], snapshots: list[int], settings: BoughtWith) -> dict[int, dict[int, list[tuple[int, float]]]]:
    """Count at each snapshot from nothing but the purchases before it: snapshot -> product -> partners, heaviest first."""
    found = {}
    for snapshot in snapshots:
        baskets: dict[int, list[int]] = {}
        for basket, product, time in purchases:
            if time < snapshot and product not in baskets.setdefault(basket, []):
                baskets[basket].append(product)
        alone = Counter(product for basket in baskets.values() for product in basket)
        shared: Counter[frozenset[int]] = Counter()
        for basket in baskets.values():
            for (first, a), (second, b) in combinations(enumerate(basket), 2):
                if second - first < settings.max_basket:
                    shared[frozenset((a, b))] += 1
        partners: dict[int, list[tuple[int, float]]] = {}
        for pair, count in shared.items():
            if count >= settings.min_count:
                a, b = pair
                weight = count * log1p(count * len(baskets) / (alone[a] * alone[b]))
                partners.setdefault(a, []).append((b, weight))
                partners.setdefault(b, []).append((a, weight))
        for others in partners.values():
            others.sort(key=lambda other: (-np.float32(other[1]), -other[0]))
            del others[settings.top :]
        found[snapshot] = partners
    return found


def fast(purchases: list[Purchase], snapshots: list[int], settings: BoughtWith) -> dict[int, dict[int, list[tuple[int, float]]]]:
    basket, product, time = np.array(purchases, np.int64).reshape(-1, 3).T
    edges = count_bought_with(basket, product.astype(np.int32), time, np.array(snapshots, np.int64), 8, settings)
    assert (np.diff(edges.time) >= 0).all()
    found: dict[int, dict[int, list[tuple[int, float]]]] = {snapshot: {} for snapshot in snapshots}
    for one, other, moment, weight in zip(edges.source, edges.target, edges.time, edges.weight, strict=True):
        found[int(moment) + 1].setdefault(int(one), []).insert(0, (int(other), float(weight)))
    return found


@st.composite
def shops(draw) -> tuple[list[Purchase], list[int]]:
    purchases = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 20)), max_size=40))
    snapshots = draw(st.lists(st.integers(0, 22), min_size=1, max_size=4, unique=True))
    return sorted(purchases, key=lambda purchase: purchase[2]), sorted(snapshots)


@given(shops(), st.integers(1, 4), st.integers(1, 3), st.integers(2, 5))
def test_as_a_plain_count(shop, top, min_count, max_basket):
    purchases, snapshots = shop
    settings = BoughtWith(top=top, min_count=min_count, max_basket=max_basket)
    expected, found = plain(purchases, snapshots, settings), fast(purchases, snapshots, settings)
    for snapshot in snapshots:
        assert found[snapshot].keys() == expected[snapshot].keys()
        for product, partners in expected[snapshot].items():
            assert [other for other, _ in found[snapshot][product]] == [other for other, _ in partners]
            assert [weight for _, weight in found[snapshot][product]] == pytest.approx([weight for _, weight in partners], rel=1e-6)


@given(shops())
def test_in_blocks_as_at_once(shop):
    settings = BoughtWith(min_count=1)
    expected = fast(*shop, settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bought_with, "_PAIRS_A_BLOCK", 2)
        assert fast(*shop, settings) == expected


@given(shops(), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), max_size=10))
def test_what_comes_later_changes_no_earlier_snapshot(shop, later):
    purchases, snapshots = shop
    settings = BoughtWith(min_count=1, max_basket=3, top=2)
    more = [*purchases, *((basket, product, 50) for basket, product in later)]
    assert fast(more, snapshots, settings) == fast(purchases, snapshots, settings)


def test_by_hand():
    # Baskets {0, 1}, {0, 1, 2}, {2}: 0 and 1 share two of three.
    purchases = [(0, 0, 1), (0, 1, 1), (1, 1, 2), (1, 0, 2), (1, 2, 2), (2, 2, 3), (2, 2, 4)]
    found = fast(purchases, [3, 9], BoughtWith(min_count=2))
    assert found[3] == {0: [(1, pytest.approx(2 * log1p(2 * 2 / 4)))], 1: [(0, pytest.approx(2 * log1p(2 * 2 / 4)))]}
    assert found[9] == {0: [(1, pytest.approx(2 * log1p(2 * 3 / 4)))], 1: [(0, pytest.approx(2 * log1p(2 * 3 / 4)))]}
